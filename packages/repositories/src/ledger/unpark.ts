import type { BudgetId, BudgetRef, LaneId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { hasRoom } from "./cap-figures.ts";

/** The lanes that tasks came back to, and the budgets that have parked more. */
export interface Unparked {
  readonly lanes: readonly { readonly tenantId: TenantId; readonly laneId: LaneId }[];
  readonly more: readonly BudgetRef[];
}

/**
 * Brings the best-ranked of the tasks that budgets have parked back into their lanes, `perBudget` of each that has room.
 * Three statements: each must see what the one before it waited for. Budgets are locked before tasks here, which can't
 * block anybody: tasks that are locked are skipped.
 */
export async function unparkTasks(tx: Queryable, budgets: readonly BudgetRef[], perBudget: number): Promise<Unparked> {
  const asked = budgets.map(({ budgetId }) => budgetId);
  const { rows: open } = await tx.query<{ id: BudgetId; hasRoom: boolean }>(sql`
    select b.id, ${hasRoom} as "hasRoom"
    from budget b
    where b.id = any (${asked}::uuid[]) and b.waiting
    order by b.id
    for update`);
  if (open.length === 0) return { lanes: [], more: [] };
  const roomy = open.filter((one) => one.hasRoom).map(({ id }) => id);
  const { rows: lanes } = await tx.query<Unparked["lanes"][number]>(sql`
    with head as materialized (
      select one.id
      from unnest(${roomy}::uuid[]) as asked (id)
      cross join lateral (
        select q.id
        from task q
        where q.parked_by = asked.id
        order by q.rank, q.id
        limit ${perBudget}
        for update skip locked
      ) one
    ), back as (
      update task t set queue_rank = case when t.state = 'queued' then t.rank end, parked_by = null
      from head
      where t.id = head.id
      returning t.tenant_id, t.lane_id
    )
    select distinct tenant_id as "tenantId", lane_id as "laneId" from back`);
  const { rows: more } = await tx.query<BudgetRef & { waiting: boolean }>(sql`
    update budget b set waiting = parked.some, unpark = parked.some and ${hasRoom},
      window_start = greatest(b.window_start, budget_window(b.period)),
      spent = case when b.window_start < budget_window(b.period) then 0 else b.spent end
    from (
      select asked.id, exists (select from task q where q.parked_by = asked.id) as some
      from unnest(${open.map(({ id }) => id)}::uuid[]) as asked (id)
    ) parked
    where b.id = parked.id
    returning b.tenant_id as "tenantId", b.id as "budgetId", b.unpark as waiting`);
  return {
    lanes,
    more: more.filter(({ waiting }) => waiting).map(({ tenantId, budgetId }) => ({ tenantId, budgetId })),
  };
}
