import { nobodysTenant, type TenantId, toStorable } from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** A message that was given up. */
export interface DiedMessage {
  /** Of its first death: the message carries it as an attribute from then on. */
  readonly id: string;
  readonly queue: string;
  /** Whom its body names; one who does not exist is nobody. */
  readonly tenantId: TenantId | undefined;
  readonly reason: string;
  readonly message: string;
  /** SQS's id on this death. */
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly receiveCount: number;
  /** How often it had been redriven when it was last sent. */
  readonly redrives: number;
}

/** How a message that was found in a dead-letter queue is known. */
export interface MessageStanding {
  readonly state: string;
  readonly redrives: number;
  /** A move by SQS has it, or had it last. */
  readonly isMoved: boolean;
}

/** A message that is to be sent again. `redrives` counts this time. */
export interface ClaimedMessage {
  readonly id: string;
  /** Where it came from, and goes. */
  readonly queue: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly redrives: number;
}

interface Settled {
  readonly sent: readonly string[];
  readonly failed: readonly { readonly id: string; readonly detail: string }[];
}

/** Dead messages for the one who holds their queue: the worker. Works as the engine. */
export interface DeadMessages {
  /**
   * Enters deaths; the same death twice is one, and stays purged where it was. Answers how often each was redriven. One
   * that is claimed stays so, unless it was sent already and has died of it.
   */
  record(died: readonly DiedMessage[]): Promise<ReadonlyMap<string, number>>;
  standings(ids: readonly string[]): Promise<ReadonlyMap<string, MessageStanding>>;
  /** In the order of ids, but those that SQS moves; of some alone, or of all. */
  findClaimed(limit: number, ids?: readonly string[]): Promise<readonly ClaimedMessage[]>;
  /** What became of claimed ones: they are gone from here, or dead as before, and the redrive does not count. */
  settle(settled: Settled): Promise<void>;
  /**
   * What there is to do: messages to send or to delete, jobs to carry out. One statement and no transaction round it, as
   * all that is asked when there is nothing: an idle mesh is to be quiet.
   */
  findWork(): Promise<{ readonly claimed: boolean; readonly purging: boolean; readonly jobs: boolean }>;
  /** Ids of a queue's purged ones whose copies may still lie in SQS. */
  findPurging(queue: string, limit: number): Promise<readonly string[]>;
  markPurged(ids: readonly string[]): Promise<void>;
  /** How many there are in the view, by kind. */
  count(): Promise<{ readonly tasks: number; readonly messages: number }>;
}

const scope = { role: "devmesh_engine", plans: "by_index" } as const;

export function deadMessages(database: Database): DeadMessages {
  return {
    record: (died) => database.transaction(scope, (tx) => record(tx, died)),
    standings: async (ids) => {
      const { rows } = await database.queryAs<MessageStanding & { id: string }>(
        scope,
        sql`
          select id, state, redrives, job_id is not null as "isMoved"
          from dead_letter
          where id = any (${ids}::uuid[]) and kind = 'message'`,
      );
      return new Map(rows.map(({ id, ...standing }) => [id, standing]));
    },
    findClaimed: (limit, ids) => findClaimed(database, limit, ids),
    settle: (settled) => settle(database, settled),
    findWork: async () => {
      const { rows } = await database.query<{ claimed: boolean; purging: boolean; jobs: boolean }>(sql`
        select
          exists (
            select from dead_letter
            where state in ('redriving', 'purging') and state = 'redriving' and kind = 'message' and job_id is null
          ) as claimed,
          exists (select from dead_letter where state in ('redriving', 'purging') and state = 'purging') as purging,
          exists (select from redrive_job where finished_at is null) as jobs`);
      return rows[0] ?? { claimed: false, purging: false, jobs: false };
    },
    findPurging: async (queue, limit) => {
      const { rows } = await database.query<{ id: string }>(sql`
        select id from dead_letter
        where state in ('redriving', 'purging') and state = 'purging' and queue = ${queue}
        order by id
        limit ${limit}`);
      return rows.map(({ id }) => id);
    },
    markPurged: async (ids) => {
      await database.queryAs(
        scope,
        sql`update dead_letter set state = 'purged' where id = any (${ids}::uuid[]) and state = 'purging'`,
      );
    },
    count: async () => {
      const { rows } = await database.query<{ tasks: number; messages: number }>(sql`
        select count(*) filter (where kind = 'task')::int as tasks, count(*) filter (where kind = 'message')::int as messages
        from dead_letter
        where state in ('dead', 'redriving')`);
      return rows[0] ?? { tasks: 0, messages: 0 };
    },
  };
}

async function record(tx: Queryable, died: readonly DiedMessage[]): Promise<ReadonlyMap<string, number>> {
  await tx.query(sql`
    insert into dead_letter (tenant_id, id, kind, queue, reason, message, message_id, body, attributes, receive_count,
      redrives)
    select coalesce(t.id, ${nobodysTenant}), c.id, 'message', c.queue, c.reason, c.message, c.message_id, c.body,
      c.attributes, c.receive_count, c.redrives
    from ${toRows(died)} as c (id, queue, tenant_id, reason, message, message_id, body, attributes, receive_count,
      redrives)
    left join tenant t on t.id = c.tenant_id
    on conflict (id) do update set state = 'dead', failed_at = now(), reason = excluded.reason,
      message = excluded.message, message_id = excluded.message_id, body = excluded.body,
      attributes = excluded.attributes, receive_count = excluded.receive_count, job_id = null
    where dead_letter.kind = 'message' and (dead_letter.state <> 'redriving' or dead_letter.job_id is not null
        or excluded.redrives >= dead_letter.redrives)
      and not (dead_letter.state in ('dead', 'purging', 'purged') and dead_letter.message_id = excluded.message_id)`);
  const { rows } = await tx.query<{ id: string; redrives: number }>(sql`
    select id, redrives from dead_letter where id = any (${died.map(({ id }) => id)}::uuid[])`);
  return new Map(rows.map(({ id, redrives }) => [id, redrives]));
}

/** Says first what the index `dead_letter_in_hand` holds: Postgres takes it for nothing less. */
async function findClaimed(
  database: Database,
  limit: number,
  ids: readonly string[] | undefined,
): Promise<readonly ClaimedMessage[]> {
  const { rows } = await database.queryAs<ClaimedMessage>(
    scope,
    sql`
      select id, queue, body, attributes, redrives
      from dead_letter
      where state in ('redriving', 'purging') and state = 'redriving' and kind = 'message' and job_id is null
        ${ids === undefined ? sql`` : sql`and id = any (${ids}::uuid[])`}
      order by id
      limit ${limit}`,
  );
  return rows;
}

async function settle(database: Database, { sent, failed }: Settled): Promise<void> {
  if (sent.length + failed.length === 0) return;
  await database.queryAs(
    scope,
    sql`
      with asked as (
        select id, detail
        from ${unnest(
          ["uuid", [...sent, ...failed.map(({ id }) => id)]],
          ["text", [...sent.map(() => undefined), ...failed.map(({ detail }) => toStorable(detail))]],
        )} as s (id, detail)
      ), settled as (
        update dead_letter d
        set state = case when s.detail is null then 'redriven' else 'dead' end,
          redrives = d.redrives - case when s.detail is null then 0 else 1 end
        from asked s
        where d.id = s.id and d.state = 'redriving'
      )
      update dead_letter_audit a
      set outcome = case when s.detail is null then 'redriven' else 'failed' end, detail = s.detail
      from asked s
      where a.dead_letter_id = s.id and a.outcome = 'pending'`,
  );
}

function toRows(died: readonly DiedMessage[]): ReturnType<typeof unnest> {
  return unnest(
    ["uuid", died.map(({ id }) => id)],
    ["text", died.map(({ queue }) => queue)],
    ["uuid", died.map(({ tenantId }) => tenantId)],
    ["text", died.map(({ reason }) => toStorable(reason))],
    ["text", died.map(({ message }) => toStorable(message))],
    ["text", died.map(({ messageId }) => toStorable(messageId))],
    ["json", died.map(({ body }) => JSON.stringify(body))],
    ["json", died.map(({ attributes }) => JSON.stringify(attributes))],
    ["int", died.map(({ receiveCount }) => receiveCount)],
    ["int", died.map(({ redrives }) => redrives)],
  );
}
