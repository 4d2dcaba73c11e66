import type { TenantId } from "@devmesh/models";
import type { Database, Queryable } from "./database/database.ts";
import { sql } from "./database/sql.ts";

/** Of each kind in one call: short transactions, whatever has gathered. Judgement. */
const maxRows = 1_000;

/**
 * Removes idempotency keys older than 24 h, lanes that nobody used for a day and that hold no unfinished task, and
 * expired mail, each in a transaction of its own; answers how many rows. To be called again while it removed some.
 */
export async function prune(database: Database): Promise<number> {
  const run = (work: (tx: Queryable) => Promise<number>): Promise<number> =>
    database.transaction({ role: "devmesh_engine" }, work);
  return (await run(pruneKeys)) + (await run(pruneLanes)) + (await run(pruneMail));
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

/**
 * Also what was sent to agents after they were deregistered. Reads all of the mailbox, which is short: it holds what agents
 * have not acknowledged.
 */
async function pruneMail(tx: Queryable): Promise<number> {
  const { rowCount } = await tx.query(sql`
    delete from mailbox
    where (tenant_id, agent_id, seq) in (
      select m.tenant_id, m.agent_id, m.seq
      from mailbox m
      where m.expires_at <= now()
        or m.agent_id in (select id from agent where deregistered_at < now() - interval '1 hour')
      limit ${maxRows}
      for update of m skip locked
    )`);
  return rowCount;
}
