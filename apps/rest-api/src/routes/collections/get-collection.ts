import type { Collection } from "@devmesh/models";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  type CollectionState,
  collectionExample,
  collectionParams,
  collectionSchema,
  toCollectionView,
} from "../../schemas/collection-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findCollection } from "./find-collection.ts";

/** `GET /collections/{id}` */
export function getCollection(deps: Pick<RouteDeps, "collections">): Route {
  return defineRoute({
    method: "get",
    path: "/collections/{id}",
    operationId: "getCollection",
    tag: "Collections",
    summary: "Get one collection, with its counts",
    scope: "search:read",
    params: collectionParams,
    success: { status: 200, description: "The collection.", data: collectionSchema, example: collectionExample },
    errors: ["not_found"],
    async handle(request) {
      const collection = await findCollection(deps, request);
      return { data: toCollectionView(collection, await readState(deps, collection)) };
    },
  });
}

/** How far a collection's documents are, and what metadata they have. */
export async function readState(
  { collections }: Pick<RouteDeps, "collections">,
  { tenantId, id }: Collection,
): Promise<CollectionState> {
  const [counts, fields] = await Promise.all([collections.counts(tenantId, id), collections.fields(tenantId, [id])]);
  return { counts, fields };
}
