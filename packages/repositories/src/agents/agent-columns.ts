import type { Agent } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** What an agent is read from, out of `a`, a row of agent, and `s`, its row of agent_slot. */
export const agentColumns: Sql = sql`
  a.id, a.name, a.kind, a.capabilities, s.max_concurrency as "maxConcurrency", s.in_flight as "inFlight",
  s.connection_id as "connectionId", a.availability, a.health, a.admin, a.load, a.metadata, a.delivery,
  a.registered_at as "registeredAt", s.last_seen_at as "lastSeenAt"`;

/** For the `returning` of a statement that changes agents, so that {@link agentColumns} can be read from it. */
export const agentReturned: Sql = sql`
  tenant_id, id, name, kind, capabilities, availability, health, admin, load, metadata, delivery, registered_at`;

/** The same for agent_slot. */
export const slotReturned: Sql = sql`
  tenant_id, agent_id, max_concurrency, in_flight, connection_id, last_seen_at, acked_seq, next_seq`;

/** Whether tasks may be offered to `a`, apart from its connection and its load: what `agent_slot.offerable` keeps. */
export const isOfferable: Sql = sql`
  a.availability = 'available' and a.admin = 'active' and a.health <> 'unreachable'`;

export interface AgentRow extends Omit<Agent, "connection" | "registeredAt" | "lastSeenAt"> {
  readonly connectionId: string | null;
  readonly registeredAt: Date;
  readonly lastSeenAt: Date;
}

export function toAgent(row: AgentRow): Agent {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    capabilities: row.capabilities,
    maxConcurrency: row.maxConcurrency,
    inFlight: row.inFlight,
    connection: row.connectionId === null ? "disconnected" : "connected",
    availability: row.availability,
    health: row.health,
    admin: row.admin,
    load: row.load,
    metadata: row.metadata,
    delivery: row.delivery,
    registeredAt: row.registeredAt.toISOString(),
    lastSeenAt: row.lastSeenAt.toISOString(),
  };
}
