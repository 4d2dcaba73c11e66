import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  deadLetterExample,
  deadLetterSchema,
  filterFields,
  olderThanParameter,
  toFilter,
} from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { tenantsOf } from "./dead-letter-view.ts";

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  ...filterFields,
  olderThanMs: olderThanParameter,
});

/** `GET /dlq` */
export function listDeadLetters({ deadLetters }: Pick<RouteDeps, "deadLetters">): Route {
  return defineRoute({
    method: "get",
    path: "/dlq",
    operationId: "listDeadLetters",
    tag: "Dead letters",
    summary: "List dead letters of both kinds, newest death first",
    description:
      "Tasks that failed, and messages that could not be handled. A message belongs to the tenant that its body names; one " +
      "that names none is seen with the scope `admin` alone.",
    scope: "dlq:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page.",
      data: z.array(deadLetterSchema),
      isPaged: true,
      example: [deadLetterExample],
    },
    async handle({ principal, query: { limit, cursor, ...filter } }) {
      const asked = { limit: limit + 1, after: cursor };
      const found = await deadLetters.list(tenantsOf(principal), toFilter(filter), asked);
      const page = cutPage(found, { limit, cursorOf: ({ failedAt, id }) => encodeCursor({ at: failedAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
