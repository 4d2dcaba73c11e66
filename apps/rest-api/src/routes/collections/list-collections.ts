import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { collectionSchema, listedCollectionExample, toCollectionView } from "../../schemas/collection-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

const listQuery = z.object({ limit: limitParameter, cursor: cursorParameter });

/** `GET /collections` */
export function listCollections({ collections }: Pick<RouteDeps, "collections">): Route {
  return defineRoute({
    method: "get",
    path: "/collections",
    operationId: "listCollections",
    tag: "Collections",
    summary: "List collections, newest first",
    scope: "search:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page. Without `counts` and `fields`.",
      data: z.array(collectionSchema),
      isPaged: true,
      example: [listedCollectionExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor } }) {
      const found = await collections.list(tenantId, { limit: limit + 1, after: cursor });
      const page = cutPage(found, {
        limit,
        cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt.toISOString(), id }),
      });
      return { data: page.items.map((one) => toCollectionView(one)), meta: pageMeta(page) };
    },
  });
}
