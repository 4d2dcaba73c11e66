import {
  type ApiKeyId,
  type DeadLetterFilter,
  maxRedrives,
  type RedriveOrder,
  type TenantId,
  toStorable,
} from "@devmesh/models";
import type { Database, QueryResult, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { matches } from "./dead-letter-columns.ts";

/** What is done to dead letters on demand, on behalf of some tenants. A task is redriven by the engine, not here. */
export interface DeadLetterWrites {
  /**
   * Claims dead messages for their redrive, counts and notes it; whoever holds the queue sends them. Answers the ids that
   * were claimed: none that is not dead, and none past the limit without `force`, however many ask at once.
   */
  claimMessages(
    tenants: readonly TenantId[],
    ids: readonly string[],
    order: RedriveOrder,
  ): Promise<ReadonlySet<string>>;
  /** Notes redrives that were refused or failed; dead letters that are unknown to the tenants are passed over. */
  noteRefusals(
    tenants: readonly TenantId[],
    refusals: readonly { readonly id: string; readonly outcome: "refused" | "failed"; readonly detail: string }[],
    order: RedriveOrder,
  ): Promise<void>;
  /** Takes one out for good; false where there is none that is dead. */
  purge(tenants: readonly TenantId[], id: string, by: ApiKeyId): Promise<boolean>;
  /** Takes out what matches, at most `limit`; answers how many. To be called again while there were some. */
  purgeMatching(
    tenants: readonly TenantId[],
    filter: DeadLetterFilter,
    how: { readonly by: ApiKeyId; readonly limit: number },
  ): Promise<number>;
}

export function deadLetterWrites(database: Database): DeadLetterWrites {
  const run = <Row>(tenants: readonly TenantId[], statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants, plans: "by_index" }, statement);
  return {
    claimMessages: async (tenants, ids, order) => {
      const { rows } = await run<{ id: string }>(tenants, claim(tenants, ids, order));
      return new Set(rows.map(({ id }) => id));
    },
    noteRefusals: async (tenants, refusals, { by, force, jobId }) => {
      if (refusals.length === 0) return;
      await run(
        tenants,
        sql`
          insert into dead_letter_audit (tenant_id, dead_letter_id, action, api_key_id, force, outcome, detail, job_id)
          select d.tenant_id, d.id, 'redrive', ${by}::uuid, ${force}::boolean, r.outcome, r.detail, ${jobId}::uuid
          from unnest(${refusals.map(({ id }) => id)}::uuid[], ${refusals.map(({ outcome }) => outcome)}::text[],
            ${refusals.map(({ detail }) => toStorable(detail))}::text[]) as r (id, outcome, detail)
          join dead_letter d on d.id = r.id
          where d.tenant_id = any (${tenants}::uuid[])`,
      );
    },
    purge: async (tenants, id, by) => {
      const { rowCount } = await run(
        tenants,
        purge(
          sql`select d.id from dead_letter d
          where d.id = ${id}::uuid and d.tenant_id = any (${tenants}::uuid[]) and d.state = 'dead'`,
          by,
        ),
      );
      return rowCount > 0;
    },
    purgeMatching: async (tenants, filter, { by, limit }) => {
      const { rowCount } = await run(
        tenants,
        purge(
          sql`select d.id from unnest(${tenants}::uuid[]) as mine (tenant_id)
          join dead_letter d on d.tenant_id = mine.tenant_id
          where d.state in ('dead', 'redriving') and d.state = 'dead' ${matches(filter)}
          limit ${limit}
          for update of d skip locked`,
          by,
        ),
      );
      return rowCount;
    },
  };
}

/** The row's lock makes one of two at once the later one, which then sees the other's count. */
function claim(tenants: readonly TenantId[], ids: readonly string[], { by, force, jobId }: RedriveOrder): Sql {
  return sql`
    with claimed as (
      update dead_letter d
      set state = 'redriving', redrives = d.redrives + 1, job_id = null
      where d.id = any (${ids}::uuid[]) and d.tenant_id = any (${tenants}::uuid[]) and d.kind = 'message'
        and d.state = 'dead' and (${force}::boolean or d.redrives < ${maxRedrives})
      returning d.tenant_id, d.id
    ), noted as (
      insert into dead_letter_audit (tenant_id, dead_letter_id, action, api_key_id, force, outcome, job_id)
      select tenant_id, id, 'redrive', ${by}::uuid, ${force}::boolean, 'pending', ${jobId}::uuid from claimed
    )
    select id from claimed`;
}

/** A task's row stays, unseen, for its count; of a message the payload goes at once, and SQS's copy is still to go. */
function purge(chosen: Sql, by: ApiKeyId): Sql {
  return sql`
    with purged as (
      update dead_letter d
      set state = case d.kind when 'message' then 'purging' else 'purged' end, body = null, attributes = null
      where d.id in (${chosen})
      returning d.tenant_id, d.id
    )
    insert into dead_letter_audit (tenant_id, dead_letter_id, action, api_key_id, outcome)
    select tenant_id, id, 'purge', ${by}::uuid, 'purged' from purged`;
}

/** Counts what a filter means now. */
export async function countMatching(
  tx: Transaction,
  tenants: readonly TenantId[],
  filter: DeadLetterFilter,
): Promise<number> {
  const { rows } = await tx.query<{ total: number }>(sql`
    select count(*)::int as total
    from unnest(${tenants}::uuid[]) as mine (tenant_id)
    join dead_letter d on d.tenant_id = mine.tenant_id
    where d.state in ('dead', 'redriving') and d.state = 'dead' ${matches(filter)}`);
  return rows[0]?.total ?? 0;
}
