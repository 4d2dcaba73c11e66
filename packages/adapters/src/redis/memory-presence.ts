import type { NodeId } from "@devmesh/models";
import type { NodeFacts, Presence } from "./presence.ts";

/** Presence within one process; `now` is in milliseconds. Closed, it knows nothing. */
export function memoryPresence(now: () => number): Presence {
  const announced = new Map<NodeId, { readonly facts: NodeFacts; readonly until: number }>();
  let isClosed = false;
  return {
    announce: (nodeId, facts, holdsMs) => {
      if (!isClosed) announced.set(nodeId, { facts, until: now() + holdsMs });
      return Promise.resolve(!isClosed);
    },
    withdraw: (nodeId) => {
      announced.delete(nodeId);
      return Promise.resolve();
    },
    find: (nodeIds) => {
      if (isClosed) return Promise.resolve(undefined);
      const living = nodeIds.flatMap((nodeId) => {
        const entry = announced.get(nodeId);
        return entry !== undefined && entry.until > now() ? [[nodeId, entry.facts] as const] : [];
      });
      return Promise.resolve(new Map(living));
    },
    [Symbol.asyncDispose]: () => {
      isClosed = true;
      announced.clear();
      return Promise.resolve();
    },
  };
}
