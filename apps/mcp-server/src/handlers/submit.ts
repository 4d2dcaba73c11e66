import { assertScope } from "@devmesh/auth";
import { AppError, type AssignmentId, isOpen, parseId, type TaskId } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connection.ts";
import { assertRegistered, assertWelcomed } from "../connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** TASK_SUBMIT: a new task, perhaps delegated from one that this agent works on. */
export async function submit(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_SUBMIT">,
): Promise<void> {
  assertWelcomed(connection.state);
  assertScope(connection.principal, "tasks:write");
  if (payload.yieldSlot === true) {
    throw new AppError("failed_precondition", "yieldSlot is not offered by this server", { reason: "not_offered" });
  }
  const { parentAssignmentId, idempotencyKey, traceparent } = payload;
  const parentId =
    parentAssignmentId === undefined ? undefined : await findParent(context, connection, parentAssignmentId);
  const { tenantId, principal } = connection;
  const submitContext = { tenantId, principalId: principal.id, idempotencyKey, traceparent, parentId };
  const { task } = await context.engine.submit(submitContext, payload.task);
  connection.send("TASK_STATUS", { re: payload.id, task });
}

/** The task that an open assignment of this agent is about. */
async function findParent(context: ServerContext, connection: Connection, given: string): Promise<TaskId> {
  const { agentId } = assertRegistered(connection.state);
  const { tenantId } = connection;
  const assignmentId = parseId<AssignmentId>(given, "assignment");
  const [entry] = await context.ledger.transaction([tenantId], (tx) =>
    tx.lockByAssignment([{ tenantId, assignmentId }]),
  );
  if (entry?.assignment?.agentId !== agentId || !isOpen(entry.assignment.state)) {
    throw new AppError("not_found", `no open assignment ${assignmentId} of this agent`);
  }
  return entry.taskId;
}
