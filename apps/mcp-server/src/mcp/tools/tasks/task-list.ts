import { isUuid, nameSchema, type TaskId, taskStates, textSchema } from "@devmesh/models";
import { explainQueued } from "@devmesh/tasks";
import { z } from "zod";
import { decodeCursor, encodeCursor, takeFitting } from "../../../page.ts";
import { cursorArgument, limitArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";
import { listedInBrief, toListedView } from "./task-view.ts";

const input = z.strictObject({
  state: z.enum(taskStates).optional(),
  type: nameSchema.optional(),
  agent: nameSchema.optional().describe("Who has it, or had it last: name or id."),
  label: textSchema(64).optional(),
  parent: z
    .string()
    .refine((text) => isUuid(text.toLowerCase()), "must be a task id")
    .optional()
    .describe("Id of the task they were delegated from."),
  limit: limitArgument,
  cursor: cursorArgument,
});

const output = z.object({
  tasks: z.array(listedInBrief),
  nextCursor: z.string().optional(),
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
      "Lists tasks of your tenant, newest first, without inputs and outputs; filters are joined by and. task_get " +
      "shows one whole. To get work use task_claim: what is listed is not yours.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ limit = defaultLimit, cursor, parent, ...filter }, { caller: { principal } }) {
      const { tenantId } = principal;
      const after = cursor === undefined ? undefined : decodeCursor("tasks", cursor);
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
          ...(isMore && { nextCursor: encodeCursor("tasks", { at: last.createdAt, id: last.id }) }),
        },
      };
    },
  });
}
