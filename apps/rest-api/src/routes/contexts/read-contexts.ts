import { findReadable, objectsOf, signDownload } from "@devmesh/memory";
import { contextStates } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { refuseUnknown } from "../../contexts/store-context.ts";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { integerParameter } from "../../http/query.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  contextExample,
  contextParams,
  contextSchema,
  downloadSchema,
  uploadExample,
} from "../../schemas/context-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { contextIdOf } from "./context-id-of.ts";

/** `GET /contexts` */
export function listContexts({ contexts }: Pick<RouteDeps, "contexts">): Route {
  return defineRoute({
    method: "get",
    path: "/contexts",
    operationId: "listContexts",
    tag: "Contexts",
    summary: "List contexts, newest first",
    scope: "contexts:read",
    query: z.object({ limit: limitParameter, cursor: cursorParameter, state: z.enum(contextStates).optional() }),
    success: {
      status: 200,
      description: "A page.",
      data: z.array(contextSchema),
      isPaged: true,
      example: [contextExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor, state } }) {
      const found = await contexts.list(tenantId, { limit: limit + 1, after: cursor, state });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /contexts/{id}` */
export function getContext({ contexts }: Pick<RouteDeps, "contexts">): Route {
  return defineRoute({
    method: "get",
    path: "/contexts/{id}",
    operationId: "getContext",
    tag: "Contexts",
    summary: "A context, with its summary",
    scope: "contexts:read",
    params: contextParams,
    success: { status: 200, description: "The context.", data: contextSchema, example: contextExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = contextIdOf(params);
      return { data: (await contexts.find(tenantId, id)) ?? refuseUnknown(id) };
    },
  });
}

const downloadQuery = z.object({
  expiresInSeconds: integerParameter({
    min: 1,
    max: 3_600,
    fallback: 900,
    description: "How long the download may be begun.",
  }),
});

/** `GET /contexts/{id}/download` */
export function downloadContext(deps: Pick<RouteDeps, "contexts" | "objects">): Route {
  return defineRoute({
    method: "get",
    path: "/contexts/{id}/download",
    operationId: "downloadContext",
    tag: "Contexts",
    summary: "A request that reads a context",
    description:
      "From S3 itself, without any other credential; ranges may be asked for. Agents read what their tasks name so.",
    scope: "contexts:read",
    params: contextParams,
    query: downloadQuery,
    success: {
      status: 200,
      description: "The request.",
      data: downloadSchema,
      example: { method: "GET", url: uploadExample.url, expiresAt: uploadExample.expiresAt },
    },
    errors: ["not_found", "failed_precondition"],
    async handle({ principal: { tenantId }, params, query: { expiresInSeconds } }) {
      const context = await findReadable(deps.contexts, tenantId, contextIdOf(params));
      return { data: await signDownload(objectsOf(deps), { tenantId, context }, expiresInSeconds) };
    },
  });
}
