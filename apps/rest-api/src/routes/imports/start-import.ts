import { objectsOf } from "@devmesh/memory";
import { type Collection, type ImportId, type ImportJob, importBodyKey, parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route, type RouteRequest } from "../../http/route.ts";
import { collectionParams } from "../../schemas/collection-schema.ts";
import { uploadExample, uploadSchema } from "../../schemas/context-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import { importExample, importSchema } from "../../schemas/import-schema.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findSource, type ImportSource, importSourceSchema, newImportKey, storeSource } from "./import-source.ts";

type StartDeps = Pick<RouteDeps, "collections" | "objects" | "imports" | "nudgeImports" | "newId">;

/** `POST /collections/{id}/import` */
export function startImport(deps: StartDeps): Route {
  return defineRoute({
    method: "post",
    path: "/collections/{id}/import",
    operationId: "startImport",
    tag: "Imports",
    summary: "Import documents from NDJSON",
    description:
      "A document a line, as in `POST /collections/{id}/documents`. Either the lines themselves as `application/x-ndjson`, up to " +
      "1 GiB, or the key of an object in S3 below the tenant's prefix, up to 5 GiB. A line is at most 2 MiB; a bad one stops no " +
      "other. A worker carries it out, in batches and so that nothing is lost; what is written is found by text at once. A document " +
      "that somebody else writes after the import began is left as it is, an object that changes fails the import. At most 20 " +
      "imports of a tenant that are not over.",
    scope: "embeddings:write",
    params: collectionParams,
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: {
      schema: importSourceSchema,
      example: { key: importExample.key },
      maxBytes: 16_384,
      streams: {
        mediaType: "application/x-ndjson",
        description: "A document a line.",
        example: '{"externalId": "docs/lanes.md", "content": "Tasks with equal requirements share a lane."}\n',
      },
    },
    success: {
      status: 202,
      description: "The import, which `GET /imports/{id}` follows.",
      data: importSchema,
      example: { ...importExample, state: "queued" },
      headers: { Location: "Where the import is.", "Idempotent-Replay": "`true` where the key made it before." },
    },
    errors: ["conflict", "not_found", "failed_precondition"],
    async handle(request) {
      const collection = await findCollection(deps, request);
      const source = await readSource(deps, collection, request);
      const { made, isReplay } = await createImport(deps, collection, { request, source });
      deps.nudgeImports();
      const location = `/api/v1/imports/${made.id}`;
      return { status: 202, data: made, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
    },
  });
}

function readSource(deps: StartDeps, collection: Collection, request: RouteRequest): Promise<ImportSource> {
  const objects = objectsOf(deps);
  const { stream, headers, body, signal } = request;
  const { tenantId } = collection;
  if (stream === undefined) return findSource(objects, { tenantId, body, signal });
  return storeSource(objects, { key: importBodyKey(tenantId, deps.newId()), stream, headers, signal });
}

/** What was uploaded for nothing is deleted again. */
async function createImport(
  deps: StartDeps,
  { tenantId, id: collectionId }: Collection,
  { request, source }: { readonly request: RouteRequest; readonly source: ImportSource },
): Promise<{ readonly made: ImportJob; readonly isReplay: boolean }> {
  const { principal, headers } = request;
  const { key, etag, size, identity } = source;
  const requestKey = readRequestKey({ principal, headers, body: { collectionId, ...(identity as object) } });
  const id = deps.newId() as ImportId;
  let isKept = request.stream === undefined;
  try {
    const created = await deps.imports.create(tenantId, { id, collectionId, key, etag, size, requestKey });
    isKept ||= !created.isReplay;
    return created;
  } finally {
    if (!isKept) await objectsOf(deps).delete([key]);
  }
}

/** For the document and the parser. */
const uploadRequestSchema = z
  .strictObject({
    size: z
      .int()
      .min(1)
      .max(5 * 1_024 ** 3),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits in lower case"),
  })
  .meta({ id: "ImportUploadRequest" });

/** When the upload must have begun. */
const uploadSeconds = 3_600;

/** `POST /collections/{id}/import/upload` */
export function prepareImport(deps: Pick<RouteDeps, "collections" | "objects" | "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/collections/{id}/import/upload",
    operationId: "prepareImport",
    tag: "Imports",
    summary: "Get a request that uploads an object to be imported",
    description: "The upload goes to S3 itself, within an hour. Then its key is imported.",
    scope: "embeddings:write",
    params: collectionParams,
    body: {
      schema: uploadRequestSchema,
      example: { size: 48_211, sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
      maxBytes: 16_384,
    },
    success: {
      status: 200,
      description: "The key, and the request that stores this one object.",
      data: z.object({ key: z.string(), upload: uploadSchema }),
      example: { key: importExample.key, upload: uploadExample },
    },
    errors: ["not_found", "failed_precondition"],
    async handle(request) {
      const { size, sha256 } = parseWith(uploadRequestSchema, request.body);
      const collection = await findCollection(deps, request);
      const key = newImportKey(collection, deps.newId);
      const mediaType = "application/x-ndjson";
      const terms = { key, size, sha256, mediaType, expiresInSeconds: uploadSeconds };
      const upload = await objectsOf(deps).presignPut(terms);
      return { data: { key, upload: { ...upload, expiresAt: upload.expiresAt.toISOString() } } };
    },
  });
}
