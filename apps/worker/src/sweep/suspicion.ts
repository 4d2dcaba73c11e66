import type { NodeId } from "@devmesh/models";

/** Who has been absent for too long from where nodes say that they live. */
export interface Suspicion {
  /**
   * Takes note of one look: of `nodes`, those in `present` were found; undefined where nothing could be found out, which
   * clears everybody. Gives the suspects.
   */
  note(nodes: readonly NodeId[], present: ReadonlyMap<NodeId, unknown> | undefined): readonly NodeId[];
}

/**
 * Only a node that was seen before can be missed: one that never announced itself has no Redis, or is of another
 * version. `now` is in milliseconds of a clock that never goes back.
 */
export function createSuspicion(afterMs: number, now: () => number): Suspicion {
  /** When each was first missed since it was seen; undefined while it is there. */
  const missedSince = new Map<NodeId, number | undefined>();
  return {
    note(nodes, present) {
      for (const nodeId of present?.keys() ?? []) missedSince.set(nodeId, undefined);
      for (const [nodeId, since] of missedSince) {
        if (!nodes.includes(nodeId)) missedSince.delete(nodeId);
        else if (present === undefined) missedSince.set(nodeId, undefined);
        else if (!present.has(nodeId)) missedSince.set(nodeId, since ?? now());
      }
      return [...missedSince].flatMap(([nodeId, since = Number.POSITIVE_INFINITY]) =>
        now() - since >= afterMs ? [nodeId] : [],
      );
    },
  };
}
