import type { AgentStore } from "@devmesh/agents";
import type { AgentId } from "@devmesh/models";
import type { Connection } from "../connections/connection.ts";

export interface LookAfterOptions {
  readonly store: Pick<AgentStore, "findNews">;
  readonly connections: () => Iterable<Connection>;
  /** The agent may be another connection's, or nobody's. */
  readonly onDoubtful: (connections: readonly Connection[]) => Promise<void>;
  readonly onRevoked: (connection: Connection) => void;
  readonly onBehind: (connection: Connection) => void;
}

/** Connections of one statement. Judgement. */
const maxConnections = 1_000;

/**
 * Looks once at all connections in the store, in case a word about one of them got lost: that it was replaced, that its
 * agent was revoked, that something waits for it.
 */
export async function lookAfter(options: LookAfterOptions): Promise<void> {
  const registered = [...options.connections()].filter(({ state }) => state.kind === "registered");
  for (let start = 0; start < registered.length; start += maxConnections) {
    await lookAt(registered.slice(start, start + maxConnections), options);
  }
}

async function lookAt(connections: readonly Connection[], options: LookAfterOptions): Promise<void> {
  const byAgent = new Map<AgentId, Connection>();
  const asked = connections.flatMap((connection) => {
    const { state, tenantId, id: connectionId, sentSeq } = connection;
    if (state.kind !== "registered") return [];
    byAgent.set(state.agentId, connection);
    return [{ tenantId, agentId: state.agentId, connectionId, sentSeq }];
  });
  const { lost, revoked, behind } = await options.store.findNews(asked);
  const find = (agentId: AgentId): readonly Connection[] => {
    const connection = byAgent.get(agentId);
    return connection === undefined || connection.isClosed ? [] : [connection];
  };
  revoked.flatMap(find).forEach(options.onRevoked);
  behind.flatMap(find).forEach(options.onBehind);
  await options.onDoubtful(lost.flatMap(find));
}
