import type { AgentId, TenantId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { expect } from "vitest";
import type { Mesh } from "./mesh.ts";

/** Each row of what must never be: a slot miscounted or overfull, two open tries, a gap in fences, events or results. */
export async function assertAddsUp(database: Database, tenantId: TenantId): Promise<void> {
  const wrong = await read<{ rule: string; id: string }>(
    database,
    sql`
    select 'slots are the open assignments that hold one' as rule, s.agent_id::text as id
    from agent_slot s
    where s.tenant_id = ${tenantId} and s.in_flight <>
      (select count(*) from assignment a where a.agent_id = s.agent_id and a.is_open and a.slot = 'held')
    union all
    select 'as many are awaited as await one', s.agent_id::text
    from agent_slot s
    where s.tenant_id = ${tenantId} and s.awaited <>
      (select count(*) from assignment a where a.agent_id = s.agent_id and a.is_open and a.slot = 'awaited')
    union all
    select 'what stands still has no time that runs', a.id::text
    from assignment a
    where a.tenant_id = ${tenantId} and a.is_open and (a.slot <> 'held') <> (a.attempt_left_ms is not null)
    union all
    select 'below a cancelled task all are final', t.id::text
    from task t join task p on p.id = t.parent_id
    where t.tenant_id = ${tenantId} and p.state = 'cancelled' and t.finished_at is null
    union all
    select 'no slot above maxConcurrency', agent_id::text
    from agent_slot where tenant_id = ${tenantId} and in_flight > max_concurrency
    union all
    select 'a task has one open try at most', task_id::text
    from assignment where tenant_id = ${tenantId} and is_open group by task_id having count(*) > 1
    union all
    select 'an open try belongs to a held task', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.state in ('assigned', 'running')) <>
      exists (select from assignment a where a.task_id = t.id and a.is_open)
    union all
    select 'fences have no gaps', t.id::text
    from task t where t.tenant_id = ${tenantId} and t.fence <> (select count(*) from assignment a where a.task_id = t.id)
    union all
    select 'events have no gaps', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.event_seq, t.event_seq) <>
      (select count(*), max(e.seq) from task_event e where e.task_id = t.id)
    union all
    select 'completed means one result', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.state = 'completed') <>
      exists (select from task_result r where r.task_id = t.id)
    union all
    select 'completed once in the history', task_id::text
    from task_event where tenant_id = ${tenantId} and type = 'task.completed' group by task_id having count(*) > 1
    union all
    select 'queued means in the queue', id::text
    from task where tenant_id = ${tenantId} and (state = 'queued') <> (queue_rank is not null)
    union all
    select 'final means finished', id::text
    from task where tenant_id = ${tenantId} and
      (state in ('completed', 'failed', 'cancelled')) <> (finished_at is not null)
    union all
    select 'every try counts in the limits', id::text
    from assignment where tenant_id = ${tenantId} and limit_ids = '{}'
      and exists (select from concurrency_limit where tenant_id = ${tenantId})
    union all
    select 'limits count what takes a slot', c.id::text
    from concurrency_limit c where c.tenant_id = ${tenantId} and c.in_flight <> (select count(*) from assignment a
      where a.tenant_id = ${tenantId} and a.is_open and a.slot = 'held' and c.id = any (a.limit_ids))
    union all
    select 'budgets reserve for what is open, and have spent what ended tries cost', b.id::text
    from budget b where b.tenant_id = ${tenantId} and (b.reserved, b.spent) <> (
      select coalesce(sum(r.amount) filter (where a.is_open), 0)::bigint,
        coalesce(sum((a.usage->>'costMicroUsd')::bigint) filter (where not a.is_open), 0)::bigint
      from assignment a
      cross join lateral json_to_recordset(a.reserved) as r ("budgetId" uuid, amount bigint)
      where a.tenant_id = ${tenantId} and r."budgetId" = b.id)
    union all
    select 'usage is what ended tries cost', 'cost'
    where (select coalesce(sum(cost_micro_usd), 0) from usage_daily where tenant_id = ${tenantId}) <>
      (select coalesce(sum((usage->>'costMicroUsd')::bigint), 0) from assignment where tenant_id = ${tenantId})
    union all
    select 'each seq of an agent is given once', agent_id::text
    from (select agent_id, seq from assignment where tenant_id = ${tenantId}
      union all select agent_id, seq from mailbox where tenant_id = ${tenantId}) given
    group by agent_id having count(*) <> count(distinct seq)`,
  );
  expect(wrong).toEqual([]);
}

/** Caps that keep nothing back but have to add up: as many in flight as there are slots, more money than is spent. */
export async function addRoomyCaps(database: Database, tenantId: TenantId, slots: number): Promise<void> {
  await read(
    database,
    sql`insert into concurrency_limit (tenant_id, id, kind, max_in_flight)
      values (${tenantId}, gen_random_uuid(), 'tenant', ${slots})`,
  );
  await read(
    database,
    sql`insert into budget (tenant_id, id, scope, unit, cap)
      values (${tenantId}, gen_random_uuid(), 'tenant', 'micro_usd', 1000000)`,
  );
}

/** When the wind has dropped, no task waits while a connected agent that fits it has a free slot. */
export async function assertNobodyWaitsInVain(
  database: Database,
  mesh: Mesh,
  agents: readonly AgentId[],
): Promise<void> {
  mesh.engine.requestAssignment({
    lanes: [],
    agents: agents.map((agentId) => ({ tenantId: mesh.tenantId, agentId })),
  });
  const inVain = (): Promise<readonly unknown[]> =>
    read(
      database,
      sql`
    select t.id
    from task t
    join lane_agent la on la.lane_id = t.lane_id and la.misfit is null
    join agent_slot s on s.agent_id = la.agent_id and s.in_flight + s.awaited < s.max_concurrency
      and s.connection_id is not null
    where t.tenant_id = ${mesh.tenantId} and t.state = 'queued'
    union all
    select a.id
    from assignment a join agent_slot s on s.agent_id = a.agent_id
    where a.tenant_id = ${mesh.tenantId} and a.is_open and (
      a.slot = 'awaited' and s.in_flight < s.max_concurrency
      or a.slot = 'yielded' and not exists (select from task c where c.parent_id = a.task_id and c.finished_at is null)
    )`,
    );
  await waitFor(async () => (await inVain()).length === 0, { what: "every free slot to be filled" });
  await assertAddsUp(database, mesh.tenantId);
}

/** Reads over all tenants. */
export async function read<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}
