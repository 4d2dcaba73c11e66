import type { Presence } from "@devmesh/adapters";
import type { NodeTimes } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import { sleep } from "@devmesh/runtime";

export interface AnnounceOptions {
  readonly presence: Presence;
  readonly nodeId: NodeId;
  readonly times: NodeTimes;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly countConnections: () => number;
}

/**
 * Says again and again that this node lives, until `signal` aborts. What could not be said is said with the next beat: the
 * lease in the database counts, and this only lets others notice sooner that a node has died.
 */
export async function announceNode(options: AnnounceOptions, signal: AbortSignal): Promise<void> {
  const { presence, nodeId, times, startedAt, countConnections } = options;
  while (!signal.aborted) {
    await presence.announce(nodeId, { startedAt, connections: countConnections() }, times.announcementMs);
    await sleep(times.announceEveryMs, signal);
  }
}
