import {
  type AdminState,
  type Agent,
  type AgentId,
  type AgentRegistration,
  type AgentUpdate,
  AppError,
  assert,
  type TenantId,
} from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type AgentRow, agentColumns, agentReturned, isOfferable, slotReturned, toAgent } from "./agent-columns.ts";
import type { ConnectionRef } from "./agent-connections.ts";

export interface AgentRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

export interface Registering {
  readonly tenantId: TenantId;
  readonly id: AgentId;
  readonly registration: AgentRegistration;
  readonly delivery: Agent["delivery"];
  readonly connection?: ConnectionRef | undefined;
  readonly presenceMs?: number | undefined;
}

/**
 * Registers an agent or updates the one of that name, and matches it with every lane, under the lock of the tenant's row.
 * Two statements, so that the second sees the lanes that the lock made it wait for.
 *
 * @throws AppError `conflict`, reason `replaced`, where a newer connection (by its id, which grows with time) has it;
 * reason `connected`, where any has an agent that is to claim.
 */
export function registerAgent(database: Database, registering: Registering): Promise<Agent> {
  const { tenantId, connection, registration, delivery, presenceMs } = registering;
  const claims = delivery === "pull";
  return database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    await lockTenant(tx, tenantId);
    const { rows } = await tx.query<AgentRow>(sql`
      with a as (${upsertAgent(registering)}
      ), s as (
        insert into agent_slot as held (tenant_id, agent_id, max_concurrency, connection_id, node_id, offerable,
          present_until)
        select a.tenant_id, a.id, ${registration.maxConcurrency}, ${connection?.connectionId}::uuid,
          ${connection?.nodeId}::uuid, ${isOfferable}, now() + ${claims ? presenceMs : undefined} * interval '1 millisecond'
        from a
        on conflict (agent_id) do update
        set max_concurrency = excluded.max_concurrency, offerable = excluded.offerable,
          connection_id = coalesce(excluded.connection_id, held.connection_id),
          node_id = coalesce(excluded.node_id, held.node_id),
          slow = held.slow
            and (excluded.connection_id is null or held.connection_id is not distinct from excluded.connection_id),
          last_seen_at = case
            when excluded.connection_id is null and excluded.present_until is null then held.last_seen_at
            else now()
          end,
          present_until = case
            when excluded.connection_id is null then coalesce(excluded.present_until, held.present_until)
          end
        where held.connection_id is null
          or excluded.present_until is null
            and (excluded.connection_id is null or held.connection_id <= excluded.connection_id)
        returning ${slotReturned()}
      ), matched as (${matchWithLanes}
      )
      select ${agentColumns} from a join s on s.agent_id = a.id`);
    const row = rows[0];
    if (row !== undefined) return toAgent(row);
    if (claims)
      throw new AppError("conflict", `agent ${registration.name} is connected by socket: take another name`, {
        reason: "connected",
      });
    throw new AppError("conflict", `agent ${registration.name} has a newer connection`, { reason: "replaced" });
  });
}

/** Changes what is given. Under the lock of the tenant's row where it changes what the agent can do. */
export function changeAgent(
  database: Database,
  { tenantId, agentId }: AgentRef,
  change: AgentUpdate & { readonly admin?: AdminState },
): Promise<Agent | undefined> {
  const { capabilities, load, metadata } = change;
  return database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    if (capabilities !== undefined) await lockTenant(tx, tenantId);
    const { rows } = await tx.query<AgentRow>(sql`
      with a as (
        update agent
        set capabilities = coalesce(${toJson(capabilities)}::jsonb, capabilities),
          availability = coalesce(${change.availability}, availability), admin = coalesce(${change.admin}, admin),
          load = coalesce(${toJson(load)}::jsonb, load), metadata = coalesce(${toJson(metadata)}::jsonb, metadata),
          updated_at = now()
        where tenant_id = ${tenantId} and id = ${agentId} and deregistered_at is null
        returning ${agentReturned}
      ), s as (
        update agent_slot
        set max_concurrency = coalesce(${change.maxConcurrency}, max_concurrency),
          offerable = (select ${isOfferable} from a)
        where (tenant_id, agent_id) in (select tenant_id, id from a)
        returning ${slotReturned()}
      )${capabilities === undefined ? sql`` : sql`, matched as (${matchWithLanes})`}
      select ${agentColumns} from a join s on s.agent_id = a.id`);
    return rows.map(toAgent)[0];
  });
}

/** Ends an agent: its name is free, no lane knows it, its mailbox is empty. Its rows stay for the tasks that it had. */
export function deregisterAgent(database: Database, { tenantId, agentId }: AgentRef): Promise<Agent | undefined> {
  return database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    await lockTenant(tx, tenantId);
    const { rows } = await tx.query<AgentRow>(sql`
      with a as (
        update agent set deregistered_at = now(), updated_at = now()
        where tenant_id = ${tenantId} and id = ${agentId} and deregistered_at is null
        returning ${agentReturned}
      ), s as (
        update agent_slot
        set connection_id = null, node_id = null, slow = false, offerable = false, present_until = null
        where (tenant_id, agent_id) in (select tenant_id, id from a)
        returning ${slotReturned()}
      ), unmatched as (
        delete from lane_agent where (tenant_id, agent_id) in (select tenant_id, id from a)
      ), unsent as (
        delete from mailbox where (tenant_id, agent_id) in (select tenant_id, id from a)
      ), emptied as (
        delete from mailbox_size where (tenant_id, agent_id) in (select tenant_id, id from a)
      ), unsubscribed as (
        delete from subscription where (tenant_id, agent_id) in (select tenant_id, id from a)
      )
      select ${agentColumns} from a join s on s.agent_id = a.id`);
    return rows.map(toAgent)[0];
  });
}

/** Held by whoever changes what agents can do and whoever makes lanes, so that each pair of them is matched. */
async function lockTenant(tx: Queryable, tenantId: TenantId): Promise<void> {
  const { rows } = await tx.query(sql`select from tenant where id = ${tenantId} for no key update`);
  assert(rows.length === 1, `no tenant ${tenantId}`);
}

function upsertAgent({ tenantId, id, registration, delivery, connection }: Registering): Sql {
  const { name, kind, capabilities, metadata } = registration;
  // without either it was an operator who registered it, or changed what it can do
  const isItself = connection !== undefined || delivery === "pull";
  return sql`
        insert into agent as known (tenant_id, id, name, kind, capabilities, metadata, delivery)
        values (${tenantId}, ${id}, ${name}, ${kind}, ${toJson(capabilities)}::jsonb,
          ${toJson(metadata ?? {})}::jsonb, ${delivery})
        on conflict (tenant_id, name) where deregistered_at is null do update
        set kind = excluded.kind, capabilities = excluded.capabilities,
          delivery = case when ${isItself}::boolean then excluded.delivery else known.delivery end,
          metadata = case when ${metadata !== undefined}::boolean then excluded.metadata else known.metadata end,
          health = case when ${isItself}::boolean then 'healthy' else known.health end, updated_at = now()
        returning ${agentReturned}`;
}

/** Writes the row of each lane for the agents in `a`. What is as it was stays untouched. */
const matchWithLanes: Sql = sql`
        insert into lane_agent as pair (tenant_id, lane_id, agent_id, misfit, level_gap, cost_micro_usd)
        select a.tenant_id, l.id, a.id, misfit(l.requirements, a.id, a.name, a.capabilities),
          level_gap(l.requirements, a.capabilities), fit_cost(l.requirements, a.capabilities)
        from a
        join lane l on l.tenant_id = a.tenant_id
        on conflict (lane_id, agent_id) do update
        set misfit = excluded.misfit, level_gap = excluded.level_gap, cost_micro_usd = excluded.cost_micro_usd
        where (pair.misfit, pair.level_gap, pair.cost_micro_usd)
          is distinct from (excluded.misfit, excluded.level_gap, excluded.cost_micro_usd)`;

function toJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
