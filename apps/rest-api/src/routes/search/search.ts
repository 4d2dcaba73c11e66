import { findCollections, type SearchOrder, searchCollections } from "@devmesh/embedding";
import { assertFilterTypes, parseFilter, parseWith, searchRequestSchema as searchRequest } from "@devmesh/models";
import { defineRoute, type Route, type RouteRequest } from "../../http/route.ts";
import {
  searchDataExample,
  searchDataSchema,
  searchExample,
  searchMetaExample,
  searchMetaSchema,
  searchRequestSchema,
} from "../../schemas/search-schema.ts";
import type { MemoryDeps } from "../memory-deps.ts";
import { toSearchMeta } from "./search-meta.ts";

/** Of a query of 8 KiB, however it is escaped, and a filter at its bounds. */
const maxBodyBytes = 1_048_576;

type Deps = Pick<MemoryDeps, "collections" | "searches" | "embedder" | "now" | "newEmbedTimeout" | "onSearch">;

/** `POST /search` */
export function search(deps: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/search",
    operationId: "search",
    tag: "Search",
    summary: "Find chunks of documents by meaning, by words, or by both",
    description:
      "Hits come best first. While the model that embeds the query is away, a hybrid search goes on by text, and " +
      "`meta.degraded` says so; one by vector is `unavailable`. `explain` shows in `meta.explain` how it was found, and what " +
      "took how long.",
    scope: "search:read",
    body: { schema: searchRequestSchema, example: searchExample, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "What was found.",
      data: searchDataSchema,
      example: searchDataExample,
      meta: { schema: searchMetaSchema, example: searchMetaExample },
    },
    errors: ["not_found", "failed_precondition"],
    async handle(request) {
      const order = await toOrder(deps, request);
      const { hits, ...how } = await searchCollections(deps, order);
      return { data: { hits }, meta: toSearchMeta(deps, order.request.mode, how) };
    },
  });
}

async function toOrder(deps: Deps, { principal: { tenantId }, body, signal }: RouteRequest): Promise<SearchOrder> {
  const { collections: named, filter: rawFilter, ...terms } = parseWith(searchRequest, body);
  const filter = rawFilter === undefined ? undefined : parseFilter(rawFilter);
  const collections = await findCollections(deps, tenantId, named);
  if (filter !== undefined) {
    const ids = collections.map(({ id }) => id);
    assertFilterTypes(filter, await deps.collections.fields(tenantId, ids));
  }
  return { tenantId, collections, request: { ...terms, filter }, signal };
}
