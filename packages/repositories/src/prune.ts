import { AppError, type CollectionId, type TenantId } from "@devmesh/models";
import type { Database, Queryable } from "./database/database.ts";
import { sql } from "./database/sql.ts";

/** Of each kind in one call: short transactions, whatever has gathered. Judgement. */
const maxRows = 1_000;
/** Records of calls of tools: some 200 MB. Judgement. */
const maxToolCalls = 1_000_000;
/** Cached vectors: 2 GB of 1,024 dimensions. Judgement. */
const maxCachedVectors = 500_000;

/**
 * Removes idempotency keys older than 24 h, lanes that nobody used for a day and that hold no unfinished task, expired
 * mail, subscriptions of connections that are gone, ids of messages older than 24 h, events of agents older than 7 days,
 * budgets that were deleted and keep no task waiting, dead messages that were redriven or purged 14 days ago, imports that were over 30 days ago, cached vectors
 * that nobody asked for in 30 days, and past the 500,000 asked for last, records of calls of tools older than 30 days, and
 * past the last 1,000,000, answers to tools that were given 60 days ago, and the storage of a deleted collection, each in a
 * transaction of its own; answers how many rows, a collection counting as one. To be called again while it removed some.
 */
export async function prune(database: Database): Promise<number> {
  const run = (work: (tx: Queryable) => Promise<number>): Promise<number> =>
    database.transaction({ role: "devmesh_engine" }, work);
  let removed = 0;
  const works = [
    pruneKeys,
    pruneLanes,
    pruneExpiredMail,
    pruneLostMail,
    pruneBodies,
    pruneSubscriptions,
    pruneSent,
    pruneAgentEvents,
    pruneBudgets,
    pruneDeadMessages,
    pruneImports,
    pruneCache,
    pruneToolCalls,
    pruneToolInputs,
    pruneCollections,
  ];
  for (const work of works) removed += await run(work).catch(zeroIfBusy);
  return removed;
}

/** What would have had to wait for a lock is tried again the next time. */
function zeroIfBusy(error: unknown): number {
  if (error instanceof AppError && error.reason === "lock_not_available") return 0;
  throw error;
}

async function pruneImports(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from import_job where id in (
      select id from import_job where finished_at < now() - interval '30 days' order by finished_at limit ${maxRows}
    )`);
  return rowCount;
}

/** The oldest first, by the index `collection_deleted`: one a call, since dropping locks the tables of all for a moment. */
async function pruneCollections(tx: Queryable): Promise<number> {
  const { rows } = await tx.query<{ id: CollectionId; tenantId: TenantId }>(sql`
    select c.id, c.tenant_id as "tenantId"
    from collection c
    where c.deleted_at < now() - interval '1 minute'
    order by c.deleted_at
    limit 1
    for update skip locked`);
  const [row] = rows;
  if (row === undefined) return 0;
  await tx.query(sql`select drop_collection_storage(${row.id})`);
  await tx.query(sql`delete from collection where id = ${row.id} and tenant_id = ${row.tenantId}`);
  return 1;
}

/** By the index `embedding_cache_age`, which is walked to its 500,000th entry. */
async function pruneCache(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from embedding_cache
    where key in (
      (select key from embedding_cache where used_on < current_date - 30 order by used_on limit ${maxRows})
      union
      (select key from embedding_cache order by used_on desc offset ${maxCachedVectors} limit ${maxRows})
    )`);
  return rowCount;
}

/** A question waits 30 days at most: what is older belongs to one that nobody answered in full. */
async function pruneToolInputs(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from tool_input where (question_id, name) in (
      select question_id, name from tool_input
      where answered_at < now() - interval '60 days' order by answered_at limit ${maxRows}
    )`);
  return rowCount;
}

/** By the index `tool_call_age`, which is walked to its 1,000,000th entry. */
async function pruneToolCalls(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from tool_call
    where id in (
      (select id from tool_call where at < now() - interval '30 days' order by at limit ${maxRows})
      union
      (select id from tool_call order by at desc offset ${maxToolCalls} limit ${maxRows})
    )`);
  return rowCount;
}

/**
 * Messages that were redriven or purged 14 days ago, by the index `dead_letter_over`: SQS keeps nothing longer that could
 * come back under their id.
 */
async function pruneDeadMessages(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from dead_letter
    where id in (
      select id
      from dead_letter
      where kind = 'message' and state in ('redriven', 'purged') and failed_at < now() - interval '14 days'
      order by failed_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** By the index `idempotency_key_age`. */
async function pruneKeys(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from idempotency_key
    where (tenant_id, principal_id, operation, key) in (
      select tenant_id, principal_id, operation, key
      from idempotency_key
      where created_at < now() - interval '24 hours'
      order by created_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/**
 * Under the lock of the tenant's row, one tenant a call, as those hold it who match lanes with agents. A lane that is being
 * used now is locked, and skipped.
 */
async function pruneLanes(tx: Queryable): Promise<number> {
  const { rows } = await tx.query<{ tenantId: TenantId }>(sql`
    select t.id as "tenantId"
    from tenant t
    where exists (select from lane l where l.tenant_id = t.id and ${isUnused})
    order by t.id
    limit 1
    for no key update of t`);
  const tenantId = rows[0]?.tenantId;
  if (tenantId === undefined) return 0;
  const { rowCount } = await tx.query(sql`
    delete from lane
    where (tenant_id, id) in (
      select l.tenant_id, l.id
      from lane l
      where l.tenant_id = ${tenantId} and ${isUnused}
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** Of lane `l`. A redriven task asks for its lane anew. */
const isUnused = sql`l.last_used_at < now() - interval '24 hours' and not exists (
        select from task q where q.tenant_id = l.tenant_id and q.lane_id = l.id and q.finished_at is null
      )`;

/** By the index `mailbox_expiry`. */
async function pruneExpiredMail(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from mailbox
    where (agent_id, seq) in (
      select agent_id, seq
      from mailbox
      where expires_at <= now()
      order by expires_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** What was sent to agents while they were being deregistered. Reads all agents. */
async function pruneLostMail(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from mailbox
    where (agent_id, seq) in (
      select m.agent_id, m.seq
      from agent a
      join mailbox m on m.agent_id = a.id
      where a.deregistered_at < now() - interval '1 hour'
      limit ${maxRows}
      for update of m skip locked
    )`);
  return rowCount;
}

/** Payloads that no mailbox has any more. Looks at each that is kept, by the index `mailbox_body`. */
async function pruneBodies(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from mail_body
    where id in (
      select b.id
      from mail_body b
      where not exists (select from mailbox m where m.body_id = b.id)
      order by b.created_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** Plain ones, whose connection is not the agent's any more. Reads all of the table: 100 rows an agent at most. */
async function pruneSubscriptions(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from subscription
    where (agent_id, topic) in (
      select b.agent_id, b.topic
      from subscription b
      join agent_slot s on s.tenant_id = b.tenant_id and s.agent_id = b.agent_id
      where b.connection_id is not null and s.connection_id is distinct from b.connection_id
        and b.created_at < now() - interval '1 hour'
      limit ${maxRows}
      for update of b skip locked
    )`);
  return rowCount;
}

/** By the index `sent_message_age`. */
async function pruneSent(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from sent_message
    where (sender_id, message_id) in (
      select sender_id, message_id
      from sent_message
      where created_at < now() - interval '24 hours'
      order by created_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** Those that the relay has read, by the index `agent_event_age`. */
async function pruneAgentEvents(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from agent_event
    where recorded in (
      select recorded
      from agent_event
      where at < now() - interval '7 days' and (xid, recorded) <= (select xid, recorded from relay_cursor)
      order by at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}

/** By the index `budget_deleted`. One that has parked tasks stays until the sweep has brought all of them back. */
async function pruneBudgets(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from budget
    where id in (
      select id from budget
      where deleted_at < now() - interval '1 hour' and not waiting
      order by deleted_at
      limit ${maxRows}
      for update skip locked
    )`);
  return rowCount;
}
