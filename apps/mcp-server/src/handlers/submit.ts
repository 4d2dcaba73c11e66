import { assertScope } from "@devmesh/auth";
import { AppError, type AssignmentId, type Delegation, parseId, parseTraceparent } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered, assertWelcomed } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** TASK_SUBMIT: a new task, perhaps delegated from one that this agent works on. */
export async function submit(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_SUBMIT">,
): Promise<void> {
  assertWelcomed(connection.state);
  assertScope(connection.principal, "tasks:write");
  const { idempotencyKey } = payload;
  const traceparent = parseTraceparent(payload.traceparent);
  const { tenantId, principal } = connection;
  const delegation = toDelegation(connection, payload);
  const submitContext = { tenantId, principalId: principal.id, idempotencyKey, traceparent, delegation };
  const { task } = await context.engine.submit(submitContext, payload.task);
  connection.send("TASK_STATUS", { re: payload.id, task });
}

function toDelegation(
  connection: Connection,
  { parentAssignmentId, yieldSlot = false }: PayloadOf<"TASK_SUBMIT">,
): Delegation | undefined {
  if (parentAssignmentId === undefined) {
    if (!yieldSlot) return undefined;
    const message = "yieldSlot needs a parentAssignmentId";
    throw new AppError("invalid_argument", message, { details: [{ path: "yieldSlot", message }] });
  }
  const { agentId } = assertRegistered(connection.state);
  const assignmentId = parseId<AssignmentId>(parentAssignmentId, "assignment");
  return { assignmentId, agentId, yieldSlot };
}
