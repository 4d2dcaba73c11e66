import { defineRoute, type Route } from "../../http/route.ts";
import {
  collectionParams,
  collectionSchema,
  listedCollectionExample,
  toCollectionView,
} from "../../schemas/collection-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findCollection, noCollection } from "./find-collection.ts";

/** `DELETE /collections/{id}` */
export function deleteCollection(deps: Pick<RouteDeps, "collections">): Route {
  return defineRoute({
    method: "delete",
    path: "/collections/{id}",
    operationId: "deleteCollection",
    tag: "Collections",
    summary: "Delete a collection with all that is in it",
    description: "Gone at once, and its name is free; its storage is freed afterwards.",
    scope: "embeddings:write",
    params: collectionParams,
    success: {
      status: 200,
      description: "The collection as it was.",
      data: collectionSchema,
      example: listedCollectionExample,
    },
    errors: ["not_found"],
    async handle(request) {
      const collection = await findCollection(deps, request);
      if (!(await deps.collections.delete(collection.tenantId, collection.id))) throw noCollection(collection.name);
      return { data: toCollectionView(collection) };
    },
  });
}
