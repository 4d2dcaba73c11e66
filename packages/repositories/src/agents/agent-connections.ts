import {
  type Agent,
  type AgentId,
  type ConnectionId,
  type Health,
  isUuid,
  type NodeId,
  type TenantId,
} from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { type AgentRow, agentColumns, agentReturned, isOfferable, slotReturned, toAgent } from "./agent-columns.ts";
import { type ConnectionNews, findConnectionNews, type SentConnection } from "./connection-news.ts";

/** Where an agent is connected. */
export interface ConnectionRef {
  readonly connectionId: ConnectionId;
  readonly nodeId: NodeId;
}

/** A connection as its node names it; every write through it is guarded by `connectionId`. */
export interface HeldConnection {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly connectionId: ConnectionId;
}

/** What a node has seen and heard of one connection since it wrote last. */
export interface ConnectionTouch extends HeldConnection {
  readonly ackedSeq?: number | undefined;
  readonly health?: Health | undefined;
}

/** The agent and where its frames go on, or that the client says to have seen more than was ever sent. */
export type AttachResult =
  | {
      readonly ahead?: never;
      readonly agent: Agent;
      readonly ackedSeq: number;
      readonly nextSeq: number;
      readonly replaced?: ConnectionRef;
    }
  | { readonly ahead: true; readonly nextSeq: number };

/** The part of the registry that connections write. Whoever locks an agent's row and its slot locks them in this order. */
export interface AgentConnections {
  attach(
    tenantId: TenantId,
    agentName: string,
    connection: ConnectionRef,
    lastSeq: number | undefined,
  ): Promise<AttachResult | undefined>;
  detach(connections: readonly (HeldConnection & { readonly unreachable: boolean })[]): Promise<void>;
  touch(touches: readonly ConnectionTouch[]): Promise<void>;
  findNews(connections: readonly SentConnection[]): Promise<ConnectionNews>;
  setSlow(tenantId: TenantId, agentId: AgentId, connectionId: ConnectionId, slow: boolean): Promise<void>;
  connectionOf(tenantId: TenantId, agentId: AgentId): Promise<ConnectionRef | undefined>;
  sortHolding(
    tenantId: TenantId,
    agentId: AgentId,
    assignmentIds: readonly string[],
  ): Promise<{ readonly keep: string[]; readonly recorded: string[]; readonly drop: string[] }>;
}

export function agentConnections(database: Database): AgentConnections {
  const inTenants = <T>(rows: readonly { tenantId: TenantId }[], work: (tx: Queryable) => Promise<T>): Promise<T> =>
    database.transaction(
      { role: "devmesh_app", tenants: [...new Set(rows.map(({ tenantId }) => tenantId))], plans: "by_index" },
      work,
    );
  return {
    attach: (tenantId, agentName, connection, lastSeq) =>
      inTenants([{ tenantId }], (tx) => attach(tx, { tenantId, agentName, connection, lastSeq })),
    detach: async (connections) => {
      if (connections.length > 0) await inTenants(connections, (tx) => detach(tx, connections));
    },
    touch: async (touches) => {
      const merged = mergeTouches(touches);
      if (merged.length > 0) await inTenants(merged, (tx) => touch(tx, merged));
    },
    findNews: (connections) => findConnectionNews(database, connections),
    setSlow: async (tenantId, agentId, connectionId, slow) => {
      await inTenants([{ tenantId }], (tx) =>
        tx.query(sql`
          update agent_slot set slow = ${slow}
          where tenant_id = ${tenantId} and agent_id = ${agentId} and connection_id = ${connectionId}`),
      );
    },
    connectionOf: async (tenantId, agentId) => {
      const { rows } = await inTenants([{ tenantId }], (tx) =>
        tx.query<ConnectionRef>(sql`
          select connection_id as "connectionId", node_id as "nodeId"
          from agent_slot
          where tenant_id = ${tenantId} and agent_id = ${agentId} and connection_id is not null`),
      );
      return rows[0];
    },
    sortHolding: (tenantId, agentId, assignmentIds) =>
      inTenants([{ tenantId }], (tx) => sortHolding(tx, { tenantId, agentId }, assignmentIds)),
  };
}

interface SlotBefore {
  readonly agentId: AgentId;
  readonly connectionId: ConnectionId | null;
  readonly nodeId: NodeId | null;
  readonly nextSeq: number;
  readonly delivery: Agent["delivery"];
}

/** Two statements: agent and slot are locked, looked at, and written. By the index `agent_name` and primary keys. */
async function attach(
  tx: Queryable,
  {
    tenantId,
    agentName,
    connection,
    lastSeq,
  }: { tenantId: TenantId; agentName: string; connection: ConnectionRef; lastSeq: number | undefined },
): Promise<AttachResult | undefined> {
  const { rows } = await tx.query<SlotBefore>(sql`
    select s.agent_id as "agentId", s.connection_id as "connectionId", s.node_id as "nodeId", s.next_seq as "nextSeq",
      a.delivery
    from agent a
    join agent_slot s on s.tenant_id = a.tenant_id and s.agent_id = a.id
    where a.tenant_id = ${tenantId} and a.name = ${agentName} and a.deregistered_at is null
    for no key update of a, s`);
  const before = rows[0];
  if (before === undefined) return undefined;
  const { agentId, connectionId, nodeId, nextSeq, delivery } = before;
  if (lastSeq !== undefined && lastSeq >= nextSeq) return { ahead: true, nextSeq };
  const { rows: attached } = await tx.query<AgentRow & { ackedSeq: number }>(sql`
    with a as (
      update agent set health = 'healthy'${delivery === "pull" ? sql`, delivery = 'push'` : sql``}
      where tenant_id = ${tenantId} and id = ${agentId}
      returning ${agentReturned}
    ), s as (
      update agent_slot
      set connection_id = ${connection.connectionId}, node_id = ${connection.nodeId}, slow = false,
        last_seen_at = now(), present_until = null, acked_seq = greatest(acked_seq, ${lastSeq ?? 0}), offerable = (select ${isOfferable} from a)
      where tenant_id = ${tenantId} and agent_id = ${agentId}
      returning ${slotReturned()}
    ), acknowledged as (
      delete from mailbox
      where tenant_id = ${tenantId} and agent_id = ${agentId} and seq <= ${lastSeq ?? 0}
    )
    select ${agentColumns}, s.acked_seq as "ackedSeq" from a join s on s.agent_id = a.id`);
  const row = attached[0];
  if (row === undefined) return undefined;
  const wasOther = connectionId !== null && nodeId !== null && connectionId !== connection.connectionId;
  return {
    agent: toAgent(row),
    ackedSeq: row.ackedSeq,
    nextSeq,
    ...(wasOther && { replaced: { connectionId, nodeId } }),
  };
}

async function detach(
  tx: Queryable,
  connections: readonly (HeldConnection & { readonly unreachable: boolean })[],
): Promise<void> {
  await lockAgents(
    tx,
    connections.filter(({ unreachable }) => unreachable),
  );
  await tx.query(sql`
    with held as materialized (
      select s.tenant_id, s.agent_id, c.unreachable
      from ${unnest(
        ["uuid", connections.map(({ tenantId }) => tenantId)],
        ["uuid", connections.map(({ agentId }) => agentId)],
        ["uuid", connections.map(({ connectionId }) => connectionId)],
        ["boolean", connections.map(({ unreachable }) => unreachable)],
      )} as c (tenant_id, agent_id, connection_id, unreachable)
      join agent_slot s on s.tenant_id = c.tenant_id and s.agent_id = c.agent_id
      where s.connection_id = c.connection_id
      order by s.agent_id
      for no key update of s
    ), dropped as (
      update agent_slot s
      set connection_id = null, node_id = null, slow = false, offerable = s.offerable and not held.unreachable
      from held
      where s.tenant_id = held.tenant_id and s.agent_id = held.agent_id
    )
    update agent a set health = 'unreachable', updated_at = now()
    from held
    where a.tenant_id = held.tenant_id and a.id = held.agent_id and held.unreachable`);
}

/**
 * Of several of one connection, what they say together. A thousand cost 13 ms, 22 with their health: nested loops over
 * the primary keys of agent_slot, agent and mailbox.
 */
async function touch(tx: Queryable, touches: readonly ConnectionTouch[]): Promise<void> {
  const withHealth = touches.filter(({ health }) => health !== undefined);
  await lockAgents(tx, withHealth);
  const healthWritten = sql`, healthy as (
      update agent a set health = held.health, updated_at = now()
      from held
      where a.tenant_id = held.tenant_id and a.id = held.agent_id and held.health is not null
        and a.health <> held.health
    )`;
  await tx.query(sql`
    with held as materialized (
      select s.tenant_id, s.agent_id, c.acked_seq, c.health
      from ${unnest(
        ["uuid", touches.map(({ tenantId }) => tenantId)],
        ["uuid", touches.map(({ agentId }) => agentId)],
        ["uuid", touches.map(({ connectionId }) => connectionId)],
        ["bigint", touches.map(({ ackedSeq }) => ackedSeq)],
        ["text", touches.map(({ health }) => health)],
      )} as c (tenant_id, agent_id, connection_id, acked_seq, health)
      join agent_slot s on s.tenant_id = c.tenant_id and s.agent_id = c.agent_id
      where s.connection_id = c.connection_id
      order by s.agent_id
      for no key update of s
    ), touched as (
      update agent_slot s
      set last_seen_at = now(), acked_seq = greatest(s.acked_seq, least(held.acked_seq, s.next_seq - 1)),
        offerable = case
          when held.health is null then s.offerable
          else a.availability = 'available' and a.admin = 'active' and held.health <> 'unreachable'
        end
      from held
      join agent a on a.tenant_id = held.tenant_id and a.id = held.agent_id
      where s.tenant_id = held.tenant_id and s.agent_id = held.agent_id
      returning s.tenant_id, s.agent_id, case when held.acked_seq is not null then s.acked_seq end as acked_seq
    )${withHealth.length === 0 ? sql`` : healthWritten}
    delete from mailbox m
    using touched
    where m.tenant_id = touched.tenant_id and m.agent_id = touched.agent_id and m.seq <= touched.acked_seq`);
}

/** Before slots, and in the order of ids; a statement of its own, so that the next one sees what it waited for. */
async function lockAgents(tx: Queryable, agents: readonly Omit<HeldConnection, "connectionId">[]): Promise<void> {
  if (agents.length === 0) return;
  await tx.query(sql`
    select from agent a
    where (a.tenant_id, a.id) in (
      select tenant_id, agent_id from ${unnest(
        ["uuid", agents.map(({ tenantId }) => tenantId)],
        ["uuid", agents.map(({ agentId }) => agentId)],
      )} as asked (tenant_id, agent_id)
    )
    order by a.id
    for no key update of a`);
}

function mergeTouches(touches: readonly ConnectionTouch[]): readonly ConnectionTouch[] {
  const byConnection = new Map<ConnectionId, ConnectionTouch>();
  for (const next of touches) {
    const known = byConnection.get(next.connectionId);
    const acked = [known?.ackedSeq, next.ackedSeq].filter((seq) => seq !== undefined);
    byConnection.set(next.connectionId, {
      ...next,
      ackedSeq: acked.length === 0 ? undefined : Math.max(...acked),
      health: next.health ?? known?.health,
    });
  }
  return [...byConnection.values()];
}

/** By the primary key. What is no id of an assignment at all is to be dropped, too. */
async function sortHolding(
  tx: Queryable,
  { tenantId, agentId }: { tenantId: TenantId; agentId: AgentId },
  assignmentIds: readonly string[],
): Promise<{ keep: string[]; recorded: string[]; drop: string[] }> {
  const { rows } = await tx.query<{ id: string; isOpen: boolean; state: string }>(sql`
    select id, is_open as "isOpen", state
    from assignment
    where tenant_id = ${tenantId} and agent_id = ${agentId} and id = any (${assignmentIds.filter(isUuid)}::uuid[])`);
  const recordedStates = ["completed", "failed", "rejected"];
  const keep = rows.filter(({ isOpen }) => isOpen).map(({ id }) => id);
  const recorded = rows.filter(({ state }) => recordedStates.includes(state)).map(({ id }) => id);
  const known = new Set([...keep, ...recorded]);
  return { keep, recorded, drop: assignmentIds.filter((id) => !known.has(id)) };
}
