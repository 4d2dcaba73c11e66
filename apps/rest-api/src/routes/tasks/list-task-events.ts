import { findStanding } from "@devmesh/runtime";
import { z } from "@hono/zod-openapi";
import { cutPage, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskEventSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";

/** Opaque to clients: `e` and the `seq` of the last event of the page before. */
const cursorParameter = z
  .string()
  .regex(/^e([1-9]\d{0,8})$/, "is no cursor of this list")
  .transform((text) => Number(text.slice(1)))
  .optional()
  .openapi({ type: "string", description: "`meta.nextCursor` of the page before." });

/** `GET /tasks/{id}/events` */
export function listTaskEvents({ reads }: Pick<RouteDeps, "reads">): Route {
  return defineRoute({
    method: "get",
    path: "/tasks/{id}/events",
    operationId: "listTaskEvents",
    tag: "Tasks",
    summary: "List a task's history, oldest first",
    scope: "tasks:read",
    params: idParams,
    query: z.object({ limit: limitParameter, cursor: cursorParameter }),
    success: {
      status: 200,
      description: "A page of its events, at most 4 MiB.",
      data: z.array(taskEventSchema),
      isPaged: true,
      example: [{ seq: 1, type: "task.created", at: "2026-11-30T00:00:00.000Z", data: {} }],
    },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, query: { limit, cursor = 0 } }) {
      const taskId = taskIdOf(params);
      await findStanding(reads, { tenantId, taskId });
      const found = await reads.events(tenantId, taskId, cursor, limit + 1);
      const page = cutPage(found, { limit, cursorOf: ({ seq }) => `e${seq}` });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
