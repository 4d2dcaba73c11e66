import type { TaskId, TenantId } from "@devmesh/models";
import type { Database, Queryable } from "./database/database.ts";
import { sql } from "./database/sql.ts";
import type { TaskRef } from "./ledger/refs.ts";
import { prune } from "./prune.ts";

/** What a relay has numbered, and the tasks that should go to the queue. */
export interface Numbered {
  readonly numbered: number;
  /** Some tenant may have more. */
  readonly more: boolean;
  /** Whose events there are new ones of. */
  readonly tenantIds: readonly TenantId[];
  readonly toDispatch: readonly TaskRef[];
}

/** The outbox: events get their place among all of their tenant, after their commit. Works as the engine. */
export interface OutboxRepository {
  /** Whether there are events to number: one statement and no transaction round it, so that an idle mesh is quiet. */
  hasUnnumbered(): Promise<boolean>;
  /**
   * Numbers up to `limit` events of tasks, each tenant its share of them, and as many of agents: in the order in which they
   * were recorded, without gaps for each tenant. Tells those tasks that were queued by one of them, still are, and stand among the first ten of their lane. Two relays at once do
   * no harm, but work for nothing.
   */
  numberEvents(limit: number): Promise<Numbered>;
  /** Removes some of what nobody needs any more, and tells how many rows; to be called again while there were some. */
  prune(): Promise<number>;
}

/** Further back in a backlog a task is found by the agents that come free. */
const dispatchedPerLane = 10;

/** The outbox in Postgres; only the one relay may number it. */
export function outboxRepository(database: Database): OutboxRepository {
  return {
    hasUnnumbered: () => hasUnnumbered(database),
    numberEvents: (limit) => numberEvents(database, limit),
    prune: () => prune(database),
  };
}

/** By `task_event_turn` and `agent_event_unnumbered`, both empty but for what is to be numbered. */
async function hasUnnumbered(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ has: boolean }>(sql`
    select exists (select from task_event where position is null)
      or exists (select from agent_event where position is null) as has`);
  return rows[0]?.has === true;
}

/** Both in one transaction: a tenant's positions are shared out between events of tasks and of agents. */
async function numberEvents(database: Database, limit: number): Promise<Numbered> {
  return database.transaction({ role: "devmesh_engine", plans: "by_index" }, async (tx) => {
    const tasks = await numberTaskEvents(tx, limit);
    const agents = await numberAgentEvents(tx, limit);
    return {
      numbered: tasks.numbered + agents.numbered,
      more: tasks.more || agents.numbered >= limit,
      tenantIds: [...new Set([...tasks.tenantIds, ...agents.tenantIds])],
      toDispatch: tasks.toDispatch,
    };
  });
}

/** By `agent_event_unnumbered`. */
async function numberAgentEvents(tx: Queryable, limit: number): Promise<Pick<Numbered, "numbered" | "tenantIds">> {
  const { rows } = await tx.query<{ numbered: number; tenantIds: readonly TenantId[] }>(sql`
    with unnumbered as materialized (
      select tenant_id, recorded
      from agent_event
      where position is null
      order by recorded
      limit ${limit}
      for no key update
    ), moved as (
      insert into event_cursor as c (tenant_id, position)
      select tenant_id, count(*) from unnumbered group by tenant_id order by tenant_id
      on conflict (tenant_id) do update set position = c.position + excluded.position
      returning c.tenant_id, c.position
    ), numbered as (
      update agent_event e set position = placed.position
      from (
        select u.recorded, moved.position + 1 - row_number() over (partition by u.tenant_id order by u.recorded desc) as position
        from unnumbered u
        join moved on moved.tenant_id = u.tenant_id
      ) placed
      where e.recorded = placed.recorded
    )
    select (select count(*)::int from unnumbered) as numbered,
      coalesce((select array_agg(tenant_id) from moved), '{}') as "tenantIds"`);
  return rows[0] ?? { numbered: 0, tenantIds: [] };
}

interface NumberedRow {
  readonly numbered: number;
  readonly more: boolean;
  readonly tenantIds: readonly TenantId[];
  readonly tenantId: TenantId | null;
  readonly taskId: TaskId | null;
}

/**
 * One statement. The events are locked before their tenants' cursors move: of two relays at once the second finds the
 * events of the first numbered, and leaves them out. Walks from tenant to tenant in `task_event_turn`, so that one with
 * many events takes no more than its share of a round; reads the beginning of `task_queue`.
 */
async function numberTaskEvents(tx: Queryable, limit: number): Promise<Numbered> {
  const { rows } = await tx.query<NumberedRow>(sql`
      with recursive turn (tenant_id) as (
        (select tenant_id from task_event where position is null order by tenant_id limit 1)
        union all
        select next.tenant_id
        from turn
        cross join lateral (
          select e.tenant_id
          from task_event e
          where e.position is null and e.tenant_id > turn.tenant_id
          order by e.tenant_id
          limit 1
        ) next
      ), owner as materialized (
        select tenant_id from turn limit ${limit}
      ), share as materialized (
        select greatest(1, ${limit}::int / nullif(count(*), 0)) as size from owner
      ), unnumbered as materialized (
        select own.tenant_id, own.task_id, own.seq, own.type, own.recorded
        from owner
        cross join lateral (
          select e.tenant_id, e.task_id, e.seq, e.type, e.recorded
          from task_event e
          where e.position is null and e.tenant_id = owner.tenant_id
          order by e.recorded
          limit (select size from share)
          for no key update
        ) own
      ), moved as (
        insert into event_cursor as c (tenant_id, position)
        select tenant_id, count(*) from unnumbered group by tenant_id order by tenant_id
        on conflict (tenant_id) do update set position = c.position + excluded.position
        returning c.tenant_id, c.position
      ), numbered as (
        update task_event e set position = placed.position
        from (
          select u.tenant_id, u.task_id, u.seq,
            moved.position + 1 - row_number() over (partition by u.tenant_id order by u.recorded desc) as position
          from unnumbered u
          join moved on moved.tenant_id = u.tenant_id
        ) placed
        where e.tenant_id = placed.tenant_id and e.task_id = placed.task_id and e.seq = placed.seq
      ), queued as (
        select distinct t.tenant_id, t.id
        from unnumbered u
        join task t on t.tenant_id = u.tenant_id and t.id = u.task_id
        where u.type = 'task.queued' and t.queue_rank is not null and (
          select count(*) from (
            select from task q
            where q.tenant_id = t.tenant_id and q.lane_id = t.lane_id and q.queue_rank is not null
              and (q.queue_rank, q.id) < (t.queue_rank, t.id)
            limit ${dispatchedPerLane}
          ) before
        ) < ${dispatchedPerLane}
      )
      select (select count(*)::int from unnumbered) as numbered,
        exists (select from unnumbered group by tenant_id having count(*) >= (select size from share)) as more,
        coalesce((select array_agg(tenant_id) from moved), '{}') as "tenantIds",
        queued.tenant_id as "tenantId", queued.id as "taskId"
      from (values (1)) as always (one)
      left join queued on true`);
  return {
    numbered: rows[0]?.numbered ?? 0,
    more: rows[0]?.more ?? false,
    tenantIds: rows[0]?.tenantIds ?? [],
    toDispatch: rows.flatMap(({ tenantId, taskId }) =>
      tenantId === null || taskId === null ? [] : [{ tenantId, taskId }],
    ),
  };
}
