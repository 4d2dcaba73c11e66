import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { auditExample, deadLetterAuditSchema } from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { tenantsOf } from "./dead-letter-view.ts";

const auditQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  deadLetter: z
    .uuid()
    .transform((id) => id.toLowerCase())
    .optional()
    .openapi({ type: "string", format: "uuid", description: "Of this one alone; it may be purged." }),
});

/** `GET /dlq/audit` */
export function listDeadLetterAudit({ deadLetters }: Pick<RouteDeps, "deadLetters">): Route {
  return defineRoute({
    method: "get",
    path: "/dlq/audit",
    operationId: "listDeadLetterAudit",
    tag: "Dead letters",
    summary: "List redrives and purges, carried out or refused, newest first",
    scope: "dlq:read",
    query: auditQuery,
    success: {
      status: 200,
      description: "A page.",
      data: z.array(deadLetterAuditSchema),
      isPaged: true,
      example: [auditExample],
    },
    async handle({ principal, query: { limit, cursor, deadLetter } }) {
      const asked = { limit: limit + 1, after: cursor };
      const found = await deadLetters.audit(tenantsOf(principal), deadLetter, asked);
      const page = cutPage(found, { limit, cursorOf: ({ at, id }) => encodeCursor({ at, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
