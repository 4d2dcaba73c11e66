import { addDocuments as add, addDocumentsOnce, type DocumentResult } from "@devmesh/embedding";
import { assert, assertStorableJson, type Collection, parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { readIdempotencyKey, readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route, type RouteRequest } from "../../http/route.ts";
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

type Deps = Pick<MemoryDeps, "collections" | "documents" | "newId" | "breathe" | "nudgeEmbeddings">;

/** `POST /collections/{id}/documents` */
export function addDocuments(deps: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/collections/{id}/documents",
    operationId: "addDocuments",
    tag: "Documents",
    summary: "Add or replace up to 1,000 documents, by external id",
    description:
      "In one transaction, each document with its own result: a bad one does not stop the others. All are found by text when " +
      "this answers, and by vector soon after; `GET /collections/{id}/wait` tells when. Idempotent by nature, too: what " +
      "is there already is `unchanged`.",
    scope: "embeddings:write",
    params: collectionParams,
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newDocumentsSchema, example: newDocumentsExample, maxBytes: maxBodyBytes, isCheckedByItem: true },
    success: {
      status: 200,
      description: "What became of each, in the order given.",
      data: z.array(documentResultSchema),
      example: [documentResultExample],
      headers: { "Idempotent-Replay": "`true` where this is what the key's first request came to." },
    },
    errors: ["conflict", "not_found"],
    async handle(request) {
      const collection = await findCollection(deps, request);
      const { documents } = parseWith(looseSchema, request.body);
      const { results, isReplay } = await addOnce(deps, request, { collection, documents });
      const isWritten = results.some((one) => "document" in one && one.document.outcome !== "unchanged");
      if (isWritten) deps.nudgeEmbeddings();
      const { requestId } = request;
      return {
        data: results.map((one) => ("error" in one ? { error: { ...one.error, requestId } } : one)),
        headers: isReplay ? { "idempotent-replay": "true" } : {},
      };
    },
  });
}

async function addOnce(
  deps: Deps,
  { principal, headers }: RouteRequest,
  { collection, documents }: { readonly collection: Collection; readonly documents: readonly unknown[] },
): Promise<{ readonly results: readonly DocumentResult[]; readonly isReplay: boolean }> {
  const asked = { tenantId: principal.tenantId, collection, documents };
  if (readIdempotencyKey(headers) === undefined) return { results: await add(deps, asked), isReplay: false };
  // what can't be kept can't be compared either: it is an error of its own, whatever it is
  const body = { collectionId: collection.id, documents: documents.map((one) => (isComparable(one) ? one : null)) };
  const key = readRequestKey({ principal, headers, body });
  assert(key !== undefined, "a request with a key has one");
  return addDocumentsOnce(deps, asked, key);
}

function isComparable(item: unknown): boolean {
  try {
    assertStorableJson(item);
    return true;
  } catch {
    return false; // its own result says why
  }
}
