import { AppError, type LimitId, parseId } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { capParams, limitExample, limitSchema } from "../../schemas/cap-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

/** `GET /limits` */
export function listLimits({ limits }: Pick<RouteDeps, "limits">): Route {
  return defineRoute({
    method: "get",
    path: "/limits",
    operationId: "listLimits",
    tag: "Limits",
    summary: "List limits on concurrency, newest first",
    scope: "tasks:read",
    query: z.object({ limit: limitParameter, cursor: cursorParameter }),
    success: {
      status: 200,
      description: "A page.",
      data: z.array(limitSchema),
      isPaged: true,
      example: [limitExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor } }) {
      const found = await limits.list(tenantId, { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /limits/{id}` */
export function getLimit({ limits }: Pick<RouteDeps, "limits">): Route {
  return defineRoute({
    method: "get",
    path: "/limits/{id}",
    operationId: "getLimit",
    tag: "Limits",
    summary: "Get one limit",
    scope: "tasks:read",
    params: capParams,
    success: { status: 200, description: "The limit.", data: limitSchema, example: limitExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      const id = limitIdOf(params);
      const limit = await limits.find(tenantId, id);
      if (limit === undefined) throw noLimit(id);
      return { data: limit };
    },
  });
}

/** The limit that a path names. @throws AppError `not_found` for what is no id. */
export function limitIdOf(params: Readonly<Record<string, string>>): LimitId {
  return parseId<LimitId>(params["id"] ?? "", "limit");
}

/** For a limit that the tenant does not have. */
export function noLimit(id: LimitId): AppError {
  return new AppError("not_found", `no limit ${id}`);
}
