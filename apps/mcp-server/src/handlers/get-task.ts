import { assertScope } from "@devmesh/auth";
import { parseId, type TaskId } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import { getTask as readTask } from "@devmesh/tasks";
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
  const task = await readTask(context.taskReads, { tenantId: connection.tenantId, taskId });
  connection.send("TASK_STATUS", { re: payload.id, task });
}
