import type { Agent } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";
import { isAway } from "../ledger/slot-figures.ts";

/** What an agent is read from, out of `a`, a row of agent, and `s`, its row of agent_slot. */
export const agentColumns: Sql = sql`
  a.id, a.name, a.kind, a.capabilities, s.max_concurrency as "maxConcurrency", s.in_flight as "inFlight",
  not (${isAway}) as "isThere", a.availability,
  case when s.connection_id is null and s.present_until <= now() then 'unreachable' else a.health end as health, a.admin, a.load, a.metadata, a.delivery,
  a.registered_at as "registeredAt", s.last_seen_at as "lastSeenAt"`;

/** For the `returning` of a statement that changes agents, so that {@link agentColumns} can be read from it. */
export const agentReturned: Sql = sql`
  tenant_id, id, name, kind, capabilities, availability, health, admin, load, metadata, delivery, registered_at`;

/** The same for agent_slot; `of` is the alias that the statement has for it, with its dot. */
export function slotReturned(of: Sql = sql``): Sql {
  return sql`
  ${of}tenant_id, ${of}agent_id, ${of}max_concurrency, ${of}in_flight, ${of}connection_id, ${of}last_seen_at,
  ${of}acked_seq, ${of}next_seq, ${of}present_until`;
}

/** Whether tasks may be offered to `a`, apart from its connection and its load: what `agent_slot.offerable` keeps. */
export const isOfferable: Sql = sql`
  a.availability = 'available' and a.admin = 'active' and a.health <> 'unreachable'`;

export interface AgentRow extends Omit<Agent, "connection" | "registeredAt" | "lastSeenAt"> {
  /** A connection holds it, or its presence lasts. */
  readonly isThere: boolean;
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
    connection: row.isThere ? "connected" : "disconnected",
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
