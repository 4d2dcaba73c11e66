import { maxDocuments, parseWith, textSchema } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { collectionParams } from "../../schemas/collection-schema.ts";
import { documentParams, documentSchema, listedDocumentExample } from "../../schemas/document-schema.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { RouteDeps } from "../route-deps.ts";
import { maxBodyBytes } from "../tasks/submit-task.ts";
import { findDocument, noDocument } from "./find-document.ts";

const deleteSchema = z
  .strictObject({
    ids: z.array(textSchema(512)).min(1).max(maxDocuments).meta({ description: "Ids or external ids." }),
  })
  .meta({ id: "DocumentsToDelete" });

/** `DELETE /collections/{id}/documents/{documentId}` */
export function deleteDocument(deps: Pick<RouteDeps, "collections" | "documents">): Route {
  return defineRoute({
    method: "delete",
    path: "/collections/{id}/documents/{documentId}",
    operationId: "deleteDocument",
    tag: "Documents",
    summary: "Delete one document",
    scope: "embeddings:write",
    params: documentParams,
    success: {
      status: 200,
      description: "The document as it was, without its content.",
      data: documentSchema,
      example: listedDocumentExample,
    },
    errors: ["not_found"],
    async handle(request) {
      const { collection, document } = await findDocument(deps, request);
      const { content: _content, ...shown } = document;
      const ref = { tenantId: collection.tenantId, collectionId: collection.id };
      if ((await deps.documents.delete(ref, [document.id])) === 0) throw noDocument(document.externalId);
      return { data: shown };
    },
  });
}

/** `POST /collections/{id}/documents/delete` */
export function deleteDocuments(deps: Pick<RouteDeps, "collections" | "documents">): Route {
  return defineRoute({
    method: "post",
    path: "/collections/{id}/documents/delete",
    operationId: "deleteDocuments",
    tag: "Documents",
    summary: "Delete up to 1,000 documents",
    description: "What is not there is left out of the count, and is no error.",
    scope: "embeddings:write",
    params: collectionParams,
    body: { schema: deleteSchema, example: { ids: ["docs/architecture.md"] }, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "How many there were.",
      data: z.object({ deleted: z.int().min(0) }),
      example: { deleted: 1 },
    },
    errors: ["not_found"],
    async handle(request) {
      const { tenantId, id: collectionId } = await findCollection(deps, request);
      const { ids } = parseWith(deleteSchema, request.body);
      return { data: { deleted: await deps.documents.delete({ tenantId, collectionId }, ids) } };
    },
  });
}
