import { addDocuments as add } from "@devmesh/embedding";
import { parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { collectionParams } from "../../schemas/collection-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import {
  documentResultExample,
  documentResultSchema,
  newDocumentsExample,
  newDocumentsSchema,
} from "../../schemas/document-schema.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { MemoryDeps } from "../memory-deps.ts";

/** A thousand documents of everyday size; more travel by an import. */
const maxBodyBytes = 16 * 1_048_576;

/** Each document is left as it is: it is parsed by itself, so that a bad one stops no other. */
const looseSchema = z.strictObject({ documents: z.array(z.unknown()) });

/** `POST /collections/{id}/documents` */
export function addDocuments(
  deps: Pick<MemoryDeps, "collections" | "documents" | "newId" | "breathe" | "nudgeEmbeddings">,
): Route {
  return defineRoute({
    method: "post",
    path: "/collections/{id}/documents",
    operationId: "addDocuments",
    tag: "Documents",
    summary: "Add or replace up to 1,000 documents, by external id",
    description:
      "In one transaction, each document with its own result: a bad one does not stop the others. All are found by text when " +
      "this answers, and by vector soon after; `GET /collections/{id}/wait` tells when. Idempotent by nature: what is " +
      "there already is `unchanged`, so that an `Idempotency-Key` is checked for its form and needs no storing.",
    scope: "embeddings:write",
    params: collectionParams,
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newDocumentsSchema, example: newDocumentsExample, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "What became of each, in the order given.",
      data: z.array(documentResultSchema),
      example: [documentResultExample],
    },
    errors: ["not_found"],
    async handle(request) {
      readIdempotencyKey(request.headers);
      const collection = await findCollection(deps, request);
      const { documents } = parseWith(looseSchema, request.body);
      const { tenantId } = request.principal;
      const results = await add(deps, { tenantId, collection, documents });
      const isWritten = results.some((one) => "document" in one && one.document.outcome !== "unchanged");
      if (isWritten) deps.nudgeEmbeddings();
      const { requestId } = request;
      return { data: results.map((one) => ("error" in one ? { error: { ...one.error, requestId } } : one)) };
    },
  });
}
