import { parseId, type TaskId, textSchema } from "@devmesh/models";
import { getTask } from "@devmesh/tasks";
import { z } from "zod";
import { toRecorded } from "../../../assignments/words.ts";
import { unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";
import { taskInBrief, toListedView } from "./task-view.ts";

const input = z.strictObject({
  taskId: z.string().min(1).max(64),
  reason: textSchema(200).optional(),
  idempotencyKey: unneededKey,
});

const output = z.object({ task: taskInBrief });

/** `task_cancel` */
export function taskCancel({ engine, taskReads }: Pick<TaskToolDeps, "engine" | "taskReads">): Tool {
  return defineTool({
    name: "task_cancel",
    title: "Cancel a task",
    description:
      "Cancels a task, and all delegated from it, for good; one that has ended stays as it is. To give back a task " +
      "you hold use task_release.",
    scopes: ["tasks:write"],
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ taskId, reason = "cancelled by a caller" }, { caller: { principal } }) {
      const ref = { tenantId: principal.tenantId, taskId: parseId<TaskId>(taskId, "task") };
      toRecorded(await engine.cancel(ref, reason));
      return { kind: "complete", output: { task: toListedView(await getTask(taskReads, ref)) } };
    },
  });
}
