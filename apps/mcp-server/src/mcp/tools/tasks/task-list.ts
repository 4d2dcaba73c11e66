import { isUuid, nameSchema, type TaskId, taskStates, textSchema } from "@devmesh/models";
import { explainQueued } from "@devmesh/tasks";
import { z } from "zod";
import { decodeCursor, encodeCursor, takeFitting } from "../../../page.ts";
import { cursorArgument, limitArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";
import { listedTaskSchema, toListedView } from "./task-view.ts";

const input = z.strictObject({
  state: z.enum(taskStates).optional(),
  type: nameSchema.optional(),
  agent: nameSchema.optional().describe("Held by this agent now, or at its end: name or id."),
  label: textSchema(64).optional(),
  parent: z
    .string()
    .refine((text) => isUuid(text.toLowerCase()), "must be a task id")
    .optional()
    .describe("Delegated from this task."),
  limit: limitArgument,
  cursor: cursorArgument,
});

const output = z.object({
  tasks: z.array(listedTaskSchema),
  nextCursor: z.string().optional().describe("Absent on the last page."),
});

const defaultLimit = 20;
/** Of one page as JSON: a model reads it. Judgement. */
const maxPageBytes = 262_144;

/** `task_list` */
export function taskList({ taskReads }: Pick<TaskToolDeps, "taskReads">): Tool {
  return defineTool({
    name: "task_list",
    title: "List tasks",
    description:
      "Lists tasks of your tenant, newest first, without their inputs and outputs. Filters are joined by and. Use it to " +
      "see what is queued, running or waiting for a person; task_get shows one whole. To get work use task_claim: what is " +
      "listed is not yours.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ limit = defaultLimit, cursor, parent, ...filter }, { caller: { principal } }) {
      const { tenantId } = principal;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const whole = { ...filter, parent: parent?.toLowerCase() as TaskId | undefined };
      // one more than asked tells whether there is another page
      const found = await taskReads.list(tenantId, whole, { limit: limit + 1, after });
      const tasks = (await explainQueued(taskReads, tenantId, found.slice(0, limit))).map(toListedView);
      const page = takeFitting(tasks, maxPageBytes);
      const last = found[page.length - 1];
      const isMore = page.length < found.length && last !== undefined;
      return {
        kind: "complete",
        output: {
          tasks: [...page],
          ...(isMore && { nextCursor: encodeCursor({ at: last.createdAt, id: last.id }) }),
        },
      };
    },
  });
}
