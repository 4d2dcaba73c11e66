import type { Agent, AgentLoad, AssignmentId, AssignmentState, TaskId } from "@devmesh/models";
import type { Database, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { isPull } from "../ledger/slot-figures.ts";
import { type AgentRow, agentColumns, agentReturned, slotReturned, toAgent } from "./agent-columns.ts";
import type { AgentRef } from "./agent-writes.ts";

/** What `heartbeat` answers. */
export interface Heartbeat {
  readonly agent: Agent;
  readonly presentUntil: string;
  readonly holding: readonly Held[];
  readonly mail: number;
  readonly ackedSeq: number;
}

interface Held {
  readonly assignmentId: AssignmentId;
  readonly fence: number;
  readonly taskId: TaskId;
  readonly state: AssignmentState;
  readonly leaseUntil?: string;
}

interface Frame {
  readonly seq: number;
  readonly type: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Agents without a connection, in Postgres: the shape that `@devmesh/agents` asks of a store, where its contract is told. */
export interface PullRepository {
  heartbeat(
    agent: AgentRef,
    sign: { readonly presenceMs: number; readonly load?: AgentLoad | undefined },
  ): Promise<Heartbeat | undefined>;
  acknowledge(agent: AgentRef, seq: number): Promise<{ readonly ackedSeq: number } | undefined>;
  readInbox(
    agent: AgentRef,
    page: { readonly afterSeq?: number | undefined; readonly limit: number },
  ): Promise<{ readonly frames: readonly Frame[]; readonly ackedSeq: number } | undefined>;
}

/** An agent has at most 1,000 slots; parents that gave theirs up come on top. */
const maxHeld = 2_000;
const maxCounted = 1_000;
/** Bytes of messages in one read: what is read is held in memory. Judgement. */
const maxMailBytes = 1_048_576;

export function pullRepository(database: Database): PullRepository {
  const within = <T>({ tenantId }: AgentRef, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  return {
    heartbeat: (agent, sign) => within(agent, (tx) => heartbeat(tx, agent, sign)),
    acknowledge: async (agent, seq) => {
      const { rows } = await within(agent, (tx) => tx.query<{ ackedSeq: number }>(acknowledge(agent, seq)));
      return rows[0];
    },
    readInbox: async (agent, page) => {
      const { rows } = await within(agent, (tx) => tx.query<InboxRow>(readInbox(agent, page)));
      // as a condition it made the planner read all agents of the tenant, by the index of those that are registered
      const first = rows.find(({ isRegistered }) => isRegistered);
      return first && { ackedSeq: first.ackedSeq, frames: rows.flatMap(toFrame) };
    },
  };
}

interface PresenceRow extends AgentRow {
  readonly presentUntil: Date;
  readonly mail: number;
  readonly ackedSeq: number;
}

/** Two statements, sent together. The agent's row is written where it tells its load, and locked before its slot. */
async function heartbeat(
  tx: Transaction,
  agent: AgentRef,
  { presenceMs, load }: { readonly presenceMs: number; readonly load?: AgentLoad | undefined },
): Promise<Heartbeat | undefined> {
  const [{ rows }, held] = await Promise.all([
    tx.query<PresenceRow>(sql`
      with a as (${load === undefined ? findAgent(agent) : writeLoad(agent, load)}
      ), s as (
        update agent_slot s set last_seen_at = now(), present_until = now() + ${presenceMs} * interval '1 millisecond'
        from a
        where s.tenant_id = a.tenant_id and s.agent_id = a.id and ${isPull}
        returning ${slotReturned(sql`s.`)}
      )
      select ${agentColumns}, s.present_until as "presentUntil", s.acked_seq as "ackedSeq", (
        select count(*)::int from (
          select from mailbox m
          where m.tenant_id = s.tenant_id and m.agent_id = s.agent_id and m.seq > s.acked_seq
            and (m.expires_at is null or m.expires_at > now())
          limit ${maxCounted}
        ) waiting
      ) as mail
      from a join s on s.agent_id = a.id`),
    tx.query<Omit<Held, "leaseUntil"> & { leaseUntil: Date | null }>(findHeld(agent)),
  ]);
  const row = rows[0];
  return row && { ...toPresence(row), holding: held.rows.map(toHeld) };
}

/** By the primary key: one that was deregistered has no presence that could be renewed. */
function findAgent({ tenantId, agentId }: AgentRef): Sql {
  return sql`
        select ${agentReturned} from agent
        where tenant_id = ${tenantId} and id = ${agentId}`;
}

function writeLoad({ tenantId, agentId }: AgentRef, load: AgentLoad): Sql {
  return sql`
        update agent set load = ${JSON.stringify(load)}::jsonb, updated_at = now()
        where tenant_id = ${tenantId} and id = ${agentId} and exists (
          select from agent_slot s where s.tenant_id = ${tenantId} and s.agent_id = ${agentId} and ${isPull}
        )
        returning ${agentReturned}`;
}

/** By the index `assignment_open`. */
function findHeld({ tenantId, agentId }: AgentRef): Sql {
  return sql`
    select id as "assignmentId", fence, task_id as "taskId", state,
      case when attempt_left_ms is null then lease_until end as "leaseUntil"
    from assignment
    where tenant_id = ${tenantId} and agent_id = ${agentId} and is_open
    order by seq
    limit ${maxHeld}`;
}

function toPresence({ presentUntil, mail, ackedSeq, ...row }: PresenceRow): Omit<Heartbeat, "holding"> {
  return { agent: toAgent(row), presentUntil: presentUntil.toISOString(), mail, ackedSeq };
}

function toHeld({ leaseUntil, ...held }: Omit<Held, "leaseUntil"> & { leaseUntil: Date | null }): Held {
  return { ...held, ...(leaseUntil !== null && { leaseUntil: leaseUntil.toISOString() }) };
}

/** As `touch` does for connections; here it is the presence that guards it. */
function acknowledge({ tenantId, agentId }: AgentRef, seq: number): Sql {
  return sql`
    with touched as (
      update agent_slot s
      set last_seen_at = now(), acked_seq = greatest(s.acked_seq, least(${seq}::bigint, s.next_seq - 1))
      where s.tenant_id = ${tenantId} and s.agent_id = ${agentId} and ${isPull}
      returning s.tenant_id, s.agent_id, s.acked_seq
    ), acknowledged as (
      delete from mailbox m
      using touched
      where m.tenant_id = touched.tenant_id and m.agent_id = touched.agent_id and m.seq <= touched.acked_seq
    )
    select acked_seq as "ackedSeq" from touched`;
}

interface InboxRow {
  readonly isRegistered: boolean;
  readonly ackedSeq: number;
  readonly seq: number | null;
  readonly type: number | null;
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** By the primary key of mailbox, stopped at `limit`. One row without a frame where there is none. */
function readInbox(
  { tenantId, agentId }: AgentRef,
  { afterSeq, limit }: { readonly afterSeq?: number | undefined; readonly limit: number },
): Sql {
  return sql`
    select a.deregistered_at is null as "isRegistered", s.acked_seq as "ackedSeq", one.seq, one.type, one.payload
    from agent_slot s
    join agent a on a.tenant_id = s.tenant_id and a.id = s.agent_id
    left join lateral (
      select m.seq, m.type, coalesce(b.payload, m.payload) as payload,
        sum(coalesce(m.counted_bytes, 0)) over (order by m.seq) - coalesce(m.counted_bytes, 0) as before
      from (
        select seq, type, payload, body_id, counted_bytes
        from mailbox
        where tenant_id = s.tenant_id and agent_id = s.agent_id and seq > coalesce(${afterSeq}::bigint, s.acked_seq)
          and (expires_at is null or expires_at > now())
        order by seq
        limit ${limit}
      ) m
      left join mail_body b on b.id = m.body_id
    ) one on one.before < ${maxMailBytes}
    where s.tenant_id = ${tenantId} and s.agent_id = ${agentId}
    order by one.seq`;
}

function toFrame({ seq, type, payload }: InboxRow): readonly Frame[] {
  return seq === null || type === null || payload === null ? [] : [{ seq, type, payload }];
}
