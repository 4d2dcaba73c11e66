import type { TaskId, TenantId } from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import type { TaskRef } from "../ledger/refs.ts";
import { prune } from "../prune.ts";
import { eventHorizon } from "./event-order.ts";

/** What a relay has read, and the tasks that should go to the queue. */
export interface Relayed {
  readonly events: number;
  /** There may be more that can be read now. */
  readonly more: boolean;
  /** There are events that can't be read before a transaction ends that is open now. */
  readonly isWaiting: boolean;
  /** Whose events there are new ones of. */
  readonly tenantIds: readonly TenantId[];
  readonly toDispatch: readonly TaskRef[];
}

/** The outbox: the events of all tenants, read in their order behind a cursor. Works as the engine. */
export interface OutboxRepository {
  /** Whether there are events behind the relay's cursor: one statement, for those who were not nudged. */
  hasEvents(): Promise<boolean>;
  /**
   * Reads the next events of tasks and agents, `limit` at most, and moves the relay's cursor behind them. Tells those
   * tasks that were queued by one of them, still are, and stand among the first ten of their lane. Two relays at once do
   * no harm: each reads what the other has not.
   */
  relay(limit: number): Promise<Relayed>;
  /** Removes some of what nobody needs any more, and tells how many rows; to be called again while there were some. */
  prune(): Promise<number>;
}

/** Further back in a backlog a task is found by the agents that come free. */
const dispatchedPerLane = 10;

/** The outbox in Postgres. */
export function outboxRepository(database: Database): OutboxRepository {
  return {
    hasEvents: () => hasEvents(database),
    relay: (limit) => relay(database, limit),
    prune: () => prune(database),
  };
}

/** The first entry behind the cursor in `task_event_relay` and `agent_event_relay`; the order keeps the planner to them. */
async function hasEvents(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ has: boolean }>(sql`
    select exists (
      select from relay_cursor c
      cross join lateral (
        select e.xid
        from task_event e
        where e.xid > '0' and (e.xid, e.recorded) > (c.xid, c.recorded)
        order by e.xid, e.recorded
        limit 1
      ) next
      where c.is_only
    ) or exists (
      select from relay_cursor c
      cross join lateral (
        select e.xid
        from agent_event e
        where e.xid > '0' and (e.xid, e.recorded) > (c.xid, c.recorded)
        order by e.xid, e.recorded
        limit 1
      ) next
      where c.is_only
    ) as has`);
  return rows[0]?.has === true;
}

interface RelayedRow extends Omit<Relayed, "more" | "toDispatch"> {
  readonly tenantId: TenantId | null;
  readonly taskId: TaskId | null;
}

async function relay(database: Database, limit: number): Promise<Relayed> {
  const scope = { role: "devmesh_engine", plans: "by_index" } as const;
  const { rows } = await database.queryAs<RelayedRow>(scope, readNext(limit));
  const [read] = rows;
  return {
    events: read?.events ?? 0,
    more: read?.events === limit,
    isWaiting: read?.isWaiting ?? false,
    tenantIds: read?.tenantIds ?? [],
    toDispatch: rows.flatMap(({ tenantId, taskId }) =>
      tenantId === null || taskId === null ? [] : [{ tenantId, taskId }],
    ),
  };
}

/**
 * One statement. The cursor is locked before anything is read: of two relays at once the second goes on where the first
 * has ended. A merge of two index scans, `task_event_relay` and `agent_event_relay`, each stopped at `limit`; of
 * `task_queue` the heads of those lanes are read that the events name. Tasks are looked up without asking whether they
 * wait: a plan that was made while `task_queue` was empty, and is kept, would read all of it for each.
 */
function readNext(limit: number): Sql {
  return sql`
    with place as materialized (
      select xid, recorded from relay_cursor where is_only for update
    ), news as materialized (
      select own.tenant_id, own.task_id, own.type, own.xid, own.recorded
      from place
      cross join lateral (
        (select e.tenant_id, e.task_id, e.type, e.xid, e.recorded
          from task_event e
          where e.xid > '0' and (e.xid, e.recorded) > (place.xid, place.recorded) and e.xid < ${eventHorizon}
          order by e.xid, e.recorded
          limit ${limit})
        union all
        (select e.tenant_id, null, e.type, e.xid, e.recorded
          from agent_event e
          where e.xid > '0' and (e.xid, e.recorded) > (place.xid, place.recorded) and e.xid < ${eventHorizon}
          order by e.xid, e.recorded
          limit ${limit})
      ) own
      order by own.xid, own.recorded
      limit ${limit}
    ), moved as (
      update relay_cursor c
      set xid = last.xid, recorded = last.recorded
      from (select xid, recorded from news order by xid desc, recorded desc limit 1) last
      where c.is_only
    ), named as materialized (
      select distinct t.tenant_id, t.lane_id, t.id, t.queue_rank is not null as waits
      from news
      join task t on t.tenant_id = news.tenant_id and t.id = news.task_id
      where news.type = 'task.queued'
    ), lane as materialized (
      select tenant_id, lane_id, array_agg(id) as task_ids
      from named
      where waits
      group by tenant_id, lane_id
    ), dispatched as (
      select lane.tenant_id, first.id
      from lane
      cross join lateral (
        select q.id
        from task q
        where q.tenant_id = lane.tenant_id and q.lane_id = lane.lane_id and q.queue_rank is not null
        order by q.queue_rank, q.id
        limit ${dispatchedPerLane}
      ) first
      where first.id = any (lane.task_ids)
    )
    select (select count(*)::int from news) as events,
      exists (select from task_event where xid > '0' and xid >= ${eventHorizon})
        or exists (select from agent_event where xid > '0' and xid >= ${eventHorizon}) as "isWaiting",
      coalesce((select array_agg(distinct tenant_id) from news), '{}') as "tenantIds",
      dispatched.tenant_id as "tenantId", dispatched.id as "taskId"
    from (values (1)) as always (one)
    left join dispatched on true`;
}
