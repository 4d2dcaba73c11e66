import type { NodeId } from "@devmesh/models";

/** What a node tells of itself. Nothing that leads to it. */
export interface NodeFacts {
  /** RFC 3339, by the node's own clock. */
  readonly startedAt: string;
  readonly connections: number;
}

/**
 * Who says of itself that it lives, for a while at a time. A hint, never the truth: it may be flushed, and be away.
 * Nothing here rejects.
 */
export interface Presence extends AsyncDisposable {
  /** Says that a node lives, for `holdsMs` from now. False where it could not be said. */
  announce(nodeId: NodeId, facts: NodeFacts, holdsMs: number): Promise<boolean>;
  /** Takes it back at once: the node stops. */
  withdraw(nodeId: NodeId): Promise<void>;
  /** Which of these nodes say that they live; undefined where that is not known. */
  find(nodeIds: readonly NodeId[]): Promise<ReadonlyMap<NodeId, NodeFacts> | undefined>;
}
