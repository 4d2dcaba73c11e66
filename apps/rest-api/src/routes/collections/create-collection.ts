import { createCollection as create } from "@devmesh/embedding";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  collectionSchema,
  listedCollectionExample,
  newCollectionExample,
  newCollectionSchema,
  toCollectionView,
} from "../../schemas/collection-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import type { MemoryDeps } from "../memory-deps.ts";

const maxBodyBytes = 65_536;

/** `POST /collections` */
export function createCollection(
  deps: Pick<MemoryDeps, "collections" | "embedder" | "newId" | "canWriteContexts" | "defaultStorage">,
): Route {
  return defineRoute({
    method: "post",
    path: "/collections",
    operationId: "createCollection",
    tag: "Collections",
    summary: "Make a collection",
    description: "Documents that are embedded alike and searched together. At most 200 a tenant.",
    scope: "embeddings:write",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newCollectionSchema, example: newCollectionExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The collection, with the model that was chosen for it.",
      data: collectionSchema,
      example: listedCollectionExample,
      headers: {
        Location: "Where the collection is.",
        "Idempotent-Replay": "`true` where this is the stored first answer.",
      },
    },
    errors: ["conflict", "failed_precondition"],
    async handle({ principal, headers, body }) {
      const key = readRequestKey({ principal, headers, body });
      const { made, isReplay } = await create(deps, { tenantId: principal.tenantId, body, key });
      const location = `/api/v1/collections/${made.id}`;
      return {
        status: 201,
        data: toCollectionView(made),
        headers: { location, ...(isReplay && { "idempotent-replay": "true" }) },
      };
    },
  });
}
