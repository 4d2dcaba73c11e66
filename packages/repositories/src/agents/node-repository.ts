import type { AgentId, NodeId, TenantId } from "@devmesh/models";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import type { HeldConnection } from "./agent-connections.ts";

/** The nodes' presence in Postgres: the shape that `@devmesh/agents` asks of a store, where its contract is told. */
export interface NodeRepository {
  renew(nodeId: NodeId, leaseMs: number): Promise<{ readonly lapsed: boolean; readonly now: Date }>;
  leave(nodeId: NodeId): Promise<void>;
  survey(): Promise<NodeSurvey>;
  dropDead(
    suspects: readonly NodeId[],
  ): Promise<{ readonly nodes: readonly NodeId[]; readonly agents: readonly DroppedRow[] }>;
  endPresences(): Promise<number>;
  reattach(nodeId: NodeId, connections: readonly HeldConnection[]): Promise<readonly AgentId[]>;
}

interface NodeSurvey {
  readonly alive: readonly NodeId[];
  readonly hasDead: boolean;
  readonly hasLapsed: boolean;
  readonly nextEndInMs: number | undefined;
}

interface DroppedRow {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly nodeId: NodeId;
}

/** Works as the engine, because a node holds connections of all tenants. */
export function nodeRepository(database: Database): NodeRepository {
  const run = <T>(work: (tx: Queryable) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_engine" }, work);
  return {
    renew: async (nodeId, leaseMs) => {
      const prolongedAt = await prolong(database, nodeId, leaseMs);
      if (prolongedAt !== undefined) return { lapsed: false, now: prolongedAt };
      return database.transaction({ role: "devmesh_engine" }, (tx) => renew(tx, nodeId, leaseMs));
    },
    leave: (nodeId) =>
      run(async (tx) => {
        await tx.query(sql`delete from node where id = ${nodeId}`);
        await dropConnections(tx, sql`s.node_id = ${nodeId}`);
      }),
    survey: () => survey(database),
    dropDead: (suspects) =>
      run(async (tx) => {
        const nodes = await deleteDead(tx, suspects);
        return {
          nodes,
          agents: await dropConnections(tx, sql`not exists (select from node n where n.id = s.node_id)`),
        };
      }),
    endPresences: () => run(endPresences),
    reattach: (nodeId, connections) => run((tx) => reattach(tx, nodeId, connections)),
  };
}

/**
 * The database's time; undefined where the lease is over. What every node says every few seconds: one statement and no transaction round it, so
 * that an idle mesh is quiet. The login has the rights of the engine's role by being granted it.
 */
async function prolong(database: Queryable, nodeId: NodeId, leaseMs: number): Promise<Date | undefined> {
  const { rows } = await database.query<{ now: Date }>(sql`
    update node
    set lease_until = now() + ${leaseMs} * interval '1 millisecond', lease_ms = ${leaseMs}
    where id = ${nodeId} and lease_until >= now()
    returning now()`);
  return rows[0]?.now;
}

/** As quiet as `prolong`; reads all of agent_slot. */
async function survey(database: Queryable): Promise<NodeSurvey> {
  const { rows } = await database.query<NodeSurvey & { readonly nextEndInMs: number | null }>(sql`
    select
      coalesce((select array_agg(id order by id) from node where lease_until >= now()), '{}') as "alive",
      exists (select from node where lease_until < now()) or exists (
        select from agent_slot s
        where s.node_id is not null and not exists (select from node n where n.id = s.node_id)
      ) as "hasDead",
      exists (select from agent_slot where is_present and present_until <= now()) as "hasLapsed",
      (select ceil(extract(epoch from min(lease_until) - now()) * 1000)::int from node where lease_until >= now())
        as "nextEndInMs"`);
  const { alive = [], hasDead = false, hasLapsed = false, nextEndInMs } = rows[0] ?? {};
  return { alive, hasDead, hasLapsed, nextEndInMs: nextEndInMs ?? undefined };
}

/** A node of a version that does not tell its lease's length is no suspect. */
async function deleteDead(tx: Queryable, suspects: readonly NodeId[]): Promise<readonly NodeId[]> {
  const { rows } = await tx.query<{ id: NodeId }>(sql`
    delete from node
    where id in (
      select id from node
      where lease_until < now()
        or (id = any (${suspects}::uuid[]) and lease_until < now() + lease_ms / 3 * interval '1 millisecond')
      order by id
      for update skip locked
    )
    returning id`);
  return rows.map(({ id }) => id);
}

/** Two statements: `dropDead` of another process comes before both or after both. */
async function renew(
  tx: Transaction,
  nodeId: NodeId,
  leaseMs: number,
): Promise<{ readonly lapsed: boolean; readonly now: Date }> {
  const { rows } = await tx.query<{ isValid: boolean }>(sql`
    select lease_until >= now() as "isValid" from node where id = ${nodeId} for update`);
  await tx.query(sql`
    insert into node (id, lease_until, lease_ms)
    values (${nodeId}, now() + ${leaseMs} * interval '1 millisecond', ${leaseMs})
    on conflict (id) do update set lease_until = excluded.lease_until, lease_ms = excluded.lease_ms`);
  return { lapsed: rows[0]?.isValid !== true, now: tx.now };
}

/**
 * Drops the connections that `which` chooses among slots `s`. Reads all of agent_slot, narrow rows without an index on
 * what changes: 2 ms for two thousand agents. A slot that was attached anew meanwhile is left alone.
 */
async function dropConnections(tx: Queryable, which: Sql): Promise<readonly DroppedRow[]> {
  const { rows } = await tx.query<DroppedRow>(sql`
    with chosen as materialized (
      select s.tenant_id, s.agent_id, s.connection_id, s.node_id
      from agent_slot s
      where s.node_id is not null and ${which}
    ), held as materialized (
      select s.tenant_id, s.agent_id, chosen.node_id
      from chosen
      join agent_slot s on s.tenant_id = chosen.tenant_id and s.agent_id = chosen.agent_id
      where s.connection_id = chosen.connection_id
      order by s.agent_id
      for no key update of s
    )
    update agent_slot s
    set connection_id = null, node_id = null, slow = false
    from held
    where s.tenant_id = held.tenant_id and s.agent_id = held.agent_id
    returning s.tenant_id as "tenantId", s.agent_id as "agentId", held.node_id as "nodeId"`);
  return rows;
}

/** Slots in one transaction. Judgement: each is an event, too. */
const maxPresences = 1_000;

/**
 * Reads all of agent_slot, as the survey does. Who is saying something at the moment is left alone; the event is the
 * trigger's.
 */
async function endPresences(tx: Queryable): Promise<number> {
  const { rows } = await tx.query(sql`
    with lapsed as materialized (
      select tenant_id, agent_id
      from agent_slot
      where is_present and present_until <= now()
      order by agent_id
      limit ${maxPresences}
      for no key update skip locked
    )
    update agent_slot s
    set is_present = false
    from lapsed
    where s.tenant_id = lapsed.tenant_id and s.agent_id = lapsed.agent_id
    returning s.agent_id`);
  return rows.length;
}

/** Also answers those that were never dropped. */
async function reattach(
  tx: Queryable,
  nodeId: NodeId,
  connections: readonly HeldConnection[],
): Promise<readonly AgentId[]> {
  if (connections.length === 0) return [];
  const { rows } = await tx.query<{ agentId: AgentId }>(sql`
    with held as materialized (
      select s.tenant_id, s.agent_id, c.connection_id
      from ${unnest(
        ["uuid", connections.map(({ tenantId }) => tenantId)],
        ["uuid", connections.map(({ agentId }) => agentId)],
        ["uuid", connections.map(({ connectionId }) => connectionId)],
      )} as c (tenant_id, agent_id, connection_id)
      join agent_slot s on s.tenant_id = c.tenant_id and s.agent_id = c.agent_id
      where (s.connection_id is null and s.present_until is null or s.connection_id = c.connection_id) and exists (
        select from agent a where a.tenant_id = c.tenant_id and a.id = c.agent_id and a.deregistered_at is null
      )
      order by s.agent_id
      for no key update of s
    )
    update agent_slot s
    set connection_id = held.connection_id, node_id = ${nodeId}, last_seen_at = now()
    from held
    where s.tenant_id = held.tenant_id and s.agent_id = held.agent_id
    returning s.agent_id as "agentId"`);
  return rows.map(({ agentId }) => agentId);
}
