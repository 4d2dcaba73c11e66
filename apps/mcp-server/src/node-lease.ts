import type { HeldConnection, NodeStore } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "./connection.ts";

export interface NodeLeaseOptions {
  readonly store: Pick<NodeStore, "renew" | "reattach">;
  readonly nodeId: NodeId;
  readonly leaseMs: number;
  /** Between two looks at connections that were not lost as far as is known. */
  readonly checkMs: number;
  readonly connections: () => Iterable<Connection>;
  /** The agent is held by this connection again after others may have dropped it. */
  readonly onKept: (connection: Connection) => void;
  /** The agent is another connection's, or gone. */
  readonly onLost: (connection: Connection) => void;
  readonly logger: Logger;
  readonly now: () => number;
}

/**
 * Renews the lease of this node at a third of its lease. After a lapse its connections are taken back, so far as they
 * are nobody else's; and now and then they are looked at anyway, in case the word that one was replaced got lost.
 */
export async function runNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { store, nodeId, leaseMs, logger, now } = options;
  let checkedAt = now();
  await runLoop({
    name: "node lease",
    signal,
    logger,
    maxBackoffMs: Math.max(250, leaseMs / 3),
    work: async () => {
      await sleep(leaseMs / 3, signal);
      if (signal.aborted) return;
      const { lapsed } = await store.renew(nodeId, leaseMs);
      if (!lapsed && now() - checkedAt < options.checkMs) return;
      if (lapsed) logger.warn({ nodeId }, "node lease had lapsed");
      await checkConnections(options, lapsed);
      checkedAt = now();
    },
  });
}

async function checkConnections(options: NodeLeaseOptions, lapsed: boolean): Promise<void> {
  const registered = [...options.connections()].filter(({ state }) => state.kind === "registered");
  if (registered.length === 0) return;
  const kept = new Set(await options.store.reattach(options.nodeId, registered.flatMap(toHeld)));
  for (const connection of registered) {
    if (connection.state.kind !== "registered") continue;
    if (!kept.has(connection.state.agentId)) options.onLost(connection);
    else if (lapsed) options.onKept(connection);
  }
}

function toHeld({ state, tenantId, id }: Connection): readonly HeldConnection[] {
  return state.kind === "registered" ? [{ tenantId, agentId: state.agentId, connectionId: id }] : [];
}
