import { nameSchema, type TaskId, taskStates, textSchema, timeSchema } from "@devmesh/models";
import { explainQueued } from "@devmesh/tasks";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { listedTaskExample, taskSchema } from "../../schemas/task-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  state: z.enum(taskStates).optional(),
  type: nameSchema.optional(),
  agent: nameSchema.optional().openapi({ description: "The assigned agent, by id or name." }),
  label: textSchema(64).optional(),
  parent: z
    .uuid()
    .transform((id) => id.toLowerCase() as TaskId)
    .optional()
    .openapi({ type: "string", format: "uuid", description: "The task that these were delegated from." }),
  createdAfter: timeSchema
    .refine((time) => Date.parse(time) >= 0, "must not lie before 1970")
    .transform((time) => new Date(time).toISOString())
    .optional()
    .openapi({ type: "string", format: "date-time" }),
});

/** `GET /tasks` */
export function listTasks({ reads }: Pick<RouteDeps, "reads">): Route {
  return defineRoute({
    method: "get",
    path: "/tasks",
    operationId: "listTasks",
    tag: "Tasks",
    summary: "List tasks, newest first",
    scope: "tasks:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page, at most 4 MiB. Without `input`, `output` and `assignment.why`.",
      data: z.array(taskSchema),
      isPaged: true,
      example: [listedTaskExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor, ...filter } }) {
      const found = await reads.list(tenantId, filter, { limit: limit + 1, after: cursor });
      const tasks = await explainQueued(reads, tenantId, found);
      const page = cutPage(tasks, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
