import type { AgentId, ConnectionId, TenantId } from "@devmesh/models";
import type { Connection } from "./connection.ts";

/** The open connections of this node. */
export interface Connections {
  readonly size: number;
  readonly inFlight: number;
  countOf(tenantId: TenantId): number;
  add(connection: Connection): void;
  remove(connection: Connection): void;
  all(): readonly Connection[];
  find(id: ConnectionId): Connection | undefined;
  findByAgent(agentId: AgentId): Connection | undefined;
  /** Notes who a connection says it is; gives the one that said so before, if any is left. */
  name(connection: Connection, agentName: string): Connection | undefined;
  /** Notes which agent a connection is. */
  register(connection: Connection, agentId: AgentId): void;
}

/** Makes the empty set. */
export function createConnections(): Connections {
  const byId = new Map<ConnectionId, Connection>();
  const byName = new Map<string, Connection>();
  const byAgentId = new Map<AgentId, Connection>();
  const countByTenant = new Map<TenantId, number>();

  function count(tenantId: TenantId, change: 1 | -1): void {
    const changed = (countByTenant.get(tenantId) ?? 0) + change;
    if (changed === 0) countByTenant.delete(tenantId);
    else countByTenant.set(tenantId, changed);
  }

  return {
    get size() {
      return byId.size;
    },
    get inFlight() {
      return [...byId.values()].reduce((sum, { inFlight }) => sum + inFlight, 0);
    },
    countOf: (tenantId) => countByTenant.get(tenantId) ?? 0,
    add(connection) {
      byId.set(connection.id, connection);
      count(connection.tenantId, 1);
    },
    remove(connection) {
      if (!byId.delete(connection.id)) return;
      count(connection.tenantId, -1);
      const { state } = connection;
      if (!("agentName" in state)) return;
      const name = nameKey(connection.tenantId, state.agentName);
      if (byName.get(name) === connection) byName.delete(name);
      if (state.kind === "registered" && byAgentId.get(state.agentId) === connection) byAgentId.delete(state.agentId);
    },
    all: () => [...byId.values()],
    find: (id) => byId.get(id),
    findByAgent: (agentId) => byAgentId.get(agentId),
    name(connection, agentName) {
      const key = nameKey(connection.tenantId, agentName);
      const before = byName.get(key);
      byName.set(key, connection);
      return before === connection ? undefined : before;
    },
    register(connection, agentId) {
      byAgentId.set(agentId, connection);
    },
  };
}

function nameKey(tenantId: TenantId, agentName: string): string {
  return `${tenantId} ${agentName}`;
}
