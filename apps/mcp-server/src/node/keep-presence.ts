import type { Presence } from "@devmesh/adapters";
import { nodeTimes } from "@devmesh/agents";
import type { Logger } from "@devmesh/observability";
import { announceNode } from "./announce.ts";
import { type MendDeps, takingBack } from "./mend-connections.ts";
import { runNodeLease } from "./node-lease.ts";

export interface KeepPresenceOptions extends MendDeps {
  readonly presence: Presence | undefined;
  readonly nodeLeaseMs: number;
  readonly logger: Logger;
}

/**
 * Has this node count as alive until `signal` aborts: by its lease, and where there is Redis, by its word there. A node
 * that drains lives until its last connection is closed, or it would be taken for dead meanwhile.
 */
export async function keepPresence(options: KeepPresenceOptions, signal: AbortSignal): Promise<void> {
  const { presence, nodeId, nodeLeaseMs, connections, logger } = options;
  const times = nodeTimes(nodeLeaseMs);
  const { leaseMs, renewEveryMs } = times;
  const startedAt = new Date().toISOString();
  await Promise.all([
    runNodeLease(
      { ...takingBack(options), leaseMs, renewEveryMs, connections: () => connections.all(), logger },
      signal,
    ),
    presence === undefined
      ? undefined
      : announceNode({ presence, nodeId, times, startedAt, countConnections: () => connections.size }, signal),
  ]);
}
