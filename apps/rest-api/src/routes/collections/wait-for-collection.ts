import type { Collection } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { integerParameter } from "../../http/query.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  collectionExample,
  collectionParams,
  collectionSchema,
  toCollectionView,
} from "../../schemas/collection-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findCollection } from "./find-collection.ts";
import { readState } from "./get-collection.ts";

const waitQuery = z.object({
  timeoutMs: integerParameter({
    min: 0,
    max: 60_000,
    fallback: 30_000,
    description: "After this time the collection is answered as it is.",
  }),
});

type WaitDeps = Pick<RouteDeps, "collections" | "collectionWaiters" | "stopping">;

/** `GET /collections/{id}/wait` */
export function waitForCollection(deps: WaitDeps): Route {
  return defineRoute({
    method: "get",
    path: "/collections/{id}/wait",
    operationId: "waitForCollection",
    tag: "Collections",
    summary: "Wait until all documents of a collection are embedded",
    description: "Answers when no document is `pending`, or with the collection as it is after the time.",
    scope: "search:read",
    params: collectionParams,
    query: waitQuery,
    success: { status: 200, description: "The collection.", data: collectionSchema, example: collectionExample },
    errors: ["not_found"],
    async handle(request) {
      const collection = await findCollection(deps, request);
      const signal = AbortSignal.any([request.signal, deps.stopping]);
      await waitUntilEmbedded(deps, collection, { timeoutMs: request.query.timeoutMs, signal });
      // it may have been deleted meanwhile
      const left = await findCollection(deps, request);
      return { data: toCollectionView(left, await readState(deps, left)) };
    },
  });
}

async function waitUntilEmbedded(
  { collections, collectionWaiters }: WaitDeps,
  { tenantId, id: collectionId }: Collection,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  if (timeoutMs === 0) return;
  const until = performance.now() + timeoutMs;
  // watched before the first look: what changes between the two is heard
  using watch = collectionWaiters.watch({ tenantId, collectionId });
  while (!signal.aborted) {
    const { pending } = await collections.counts(tenantId, collectionId);
    const leftMs = Math.ceil(until - performance.now());
    if (pending === 0 || leftMs <= 0) return;
    await watch.changed(leftMs, signal);
  }
}
