import { assertScope } from "@devmesh/auth";
import { AppError, parseId, type Task, type TaskId } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import { explainUnassigned } from "@devmesh/tasks";
import type { Connection } from "../connections/connection.ts";
import { assertWelcomed } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** TASK_GET: the whole task; while it is queued, with the reason why no agent has it. */
export async function getTask(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"TASK_GET">,
): Promise<void> {
  assertWelcomed(connection.state);
  assertScope(connection.principal, "tasks:read");
  const taskId = parseId<TaskId>(payload.taskId, "task");
  const [task] = await context.taskReads.get(connection.tenantId, [taskId], "whole");
  if (task === undefined) throw new AppError("not_found", `no task ${JSON.stringify(taskId)}`);
  connection.send("TASK_STATUS", { re: payload.id, task: await explain(context, connection, task) });
}

async function explain({ taskReads }: ServerContext, { tenantId }: Connection, task: Task): Promise<Task> {
  if (task.state !== "queued") return task;
  const standing = (await taskReads.laneStandings(tenantId, [task.id])).get(task.id);
  return standing === undefined ? task : { ...task, unassignedBecause: explainUnassigned(standing) };
}
