import { documentStates } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { collectionParams } from "../../schemas/collection-schema.ts";
import { documentSchema, listedDocumentExample } from "../../schemas/document-schema.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { RouteDeps } from "../route-deps.ts";

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  state: z.enum(documentStates).optional(),
});

/** `GET /collections/{id}/documents` */
export function listDocuments(deps: Pick<RouteDeps, "collections" | "documents">): Route {
  return defineRoute({
    method: "get",
    path: "/collections/{id}/documents",
    operationId: "listDocuments",
    tag: "Documents",
    summary: "List documents, newest first",
    scope: "search:read",
    params: collectionParams,
    query: listQuery,
    success: {
      status: 200,
      description: "A page, at most 4 MiB. Without `content`.",
      data: z.array(documentSchema),
      isPaged: true,
      example: [listedDocumentExample],
    },
    errors: ["not_found"],
    async handle(request) {
      const { limit, cursor, state } = request.query;
      const { tenantId, id: collectionId } = await findCollection(deps, request);
      const found = await deps.documents.list({ tenantId, collectionId }, { limit: limit + 1, after: cursor, state });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
