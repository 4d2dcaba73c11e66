import { nameSchema, textSchema } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { attentionExample, attentionSchema } from "../../schemas/question-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

const attentionQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  type: nameSchema.optional(),
  agent: nameSchema.optional().openapi({ description: "The asking agent, by id or name." }),
  label: textSchema(64).optional(),
});

/** `GET /attention` */
export function listAttention({ attention }: Pick<RouteDeps, "attention">): Route {
  return defineRoute({
    method: "get",
    path: "/attention",
    operationId: "listAttention",
    tag: "Tasks",
    summary: "List what waits for a person, the oldest question first",
    scope: "tasks:read",
    query: attentionQuery,
    success: {
      status: 200,
      description: "A page, at most 4 MiB. `POST /tasks/{taskId}/answer` answers.",
      data: z.array(attentionSchema),
      isPaged: true,
      example: [attentionExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor, ...filter } }) {
      const found = await attention.list(tenantId, filter, { limit: limit + 1, after: cursor });
      const page = cutPage(found, {
        limit,
        cursorOf: ({ askedAt, assignmentId }) => encodeCursor({ at: askedAt, id: assignmentId }),
      });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
