import type { HeldConnection, NodeStore } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";

/** What becomes of connections that others may have dropped. */
export interface TakeBackOptions {
  readonly store: Pick<NodeStore, "reattach">;
  readonly nodeId: NodeId;
  /** The agent is held by this connection, as far as it ever was dropped again. */
  readonly onKept: (connection: Connection) => void;
  /** The agent is another connection's, or gone. */
  readonly onLost: (connection: Connection) => void;
}

export interface NodeLeaseOptions extends TakeBackOptions {
  readonly store: Pick<NodeStore, "renew" | "reattach">;
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  readonly connections: () => Iterable<Connection>;
  readonly logger: Logger;
}

/**
 * Renews the lease of this node. A renewal that fails is tried again soon, several times before the lease ends. After a
 * lapse its connections are taken back.
 */
export async function runNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { store, nodeId, leaseMs, renewEveryMs, connections, logger } = options;
  let isRenewed = true;
  await runLoop({
    name: "node lease",
    signal,
    logger,
    maxBackoffMs: Math.max(250, renewEveryMs / 2),
    work: async () => {
      if (isRenewed) await sleep(renewEveryMs, signal);
      if (signal.aborted) return;
      isRenewed = false;
      const { lapsed } = await store.renew(nodeId, leaseMs);
      isRenewed = true;
      if (!lapsed) return;
      logger.warn({ nodeId }, "node lease had lapsed");
      await takeBack([...connections()], options);
    },
  });
}

/** Takes back those connections that others may have dropped, so far as they are nobody else's. */
export async function takeBack(connections: readonly Connection[], options: TakeBackOptions): Promise<void> {
  const registered = connections.filter(({ state }) => state.kind === "registered");
  if (registered.length === 0) return;
  const kept = new Set(await options.store.reattach(options.nodeId, registered.flatMap(toHeld)));
  for (const connection of registered) {
    if (connection.state.kind !== "registered") continue;
    if (kept.has(connection.state.agentId)) options.onKept(connection);
    else options.onLost(connection);
  }
}

function toHeld({ state, tenantId, id }: Connection): readonly HeldConnection[] {
  return state.kind === "registered" ? [{ tenantId, agentId: state.agentId, connectionId: id }] : [];
}
