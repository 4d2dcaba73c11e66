import { AppError, type ImportId, type ImportJob, parseId } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route, type RouteRequest } from "../../http/route.ts";
import { collectionParams } from "../../schemas/collection-schema.ts";
import { importExample, importParams, importSchema } from "../../schemas/import-schema.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { RouteDeps } from "../route-deps.ts";

/** The import that a path names. @throws AppError `not_found` for one that the tenant does not have. */
export async function findImport(
  { imports }: Pick<RouteDeps, "imports">,
  { principal, params }: Pick<RouteRequest, "principal" | "params">,
): Promise<ImportJob> {
  const id = parseId<ImportId>(params["id"] ?? "", "import");
  return orNotFound(await imports.find(principal.tenantId, id), id);
}

function orNotFound(job: ImportJob | undefined, id: ImportId): ImportJob {
  if (job === undefined) throw new AppError("not_found", `no import ${id}`);
  return job;
}

/** `GET /imports/{id}` */
export function getImport(deps: Pick<RouteDeps, "imports">): Route {
  return defineRoute({
    method: "get",
    path: "/imports/{id}",
    operationId: "getImport",
    tag: "Imports",
    summary: "Get one import, with how far it is",
    scope: "search:read",
    params: importParams,
    success: { status: 200, description: "The import.", data: importSchema, example: importExample },
    errors: ["not_found"],
    handle: async (request) => ({ data: await findImport(deps, request) }),
  });
}

/** `POST /imports/{id}/cancel` */
export function cancelImport({ imports, nudgeImports }: Pick<RouteDeps, "imports" | "nudgeImports">): Route {
  return defineRoute({
    method: "post",
    path: "/imports/{id}/cancel",
    operationId: "cancelImport",
    tag: "Imports",
    summary: "Cancel an import",
    description:
      "One that runs ends after the batch under way; what it has written stays. One that is over is answered as it is.",
    scope: "embeddings:write",
    params: importParams,
    success: { status: 200, description: "The import.", data: importSchema, example: importExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = parseId<ImportId>(params["id"] ?? "", "import");
      const job = orNotFound(await imports.cancel(principal.tenantId, id), id);
      nudgeImports();
      return { data: job };
    },
  });
}

const listQuery = z.object({ limit: limitParameter, cursor: cursorParameter });

/** `GET /collections/{id}/imports` */
export function listImports(deps: Pick<RouteDeps, "collections" | "imports">): Route {
  return defineRoute({
    method: "get",
    path: "/collections/{id}/imports",
    operationId: "listImports",
    tag: "Imports",
    summary: "List a collection's imports, newest first",
    scope: "search:read",
    params: collectionParams,
    query: listQuery,
    success: {
      status: 200,
      description: "A page.",
      data: z.array(importSchema),
      isPaged: true,
      example: [importExample],
    },
    errors: ["not_found"],
    async handle(request) {
      const { limit, cursor } = request.query;
      const { tenantId, id } = await findCollection(deps, request);
      const found = await deps.imports.list(tenantId, id, { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: (job) => encodeCursor({ at: job.createdAt, id: job.id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
