import type { AssignmentId, BudgetId, BudgetRef, LimitId, LimitRef, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { hasRoom, maxCount, spentNow } from "./cap-figures.ts";

/** An assignment that ends, and what its agent said that it cost. */
export interface EndedAssignment {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
  readonly costMicroUsd: number;
  readonly tokens: number;
}

/** What may let something more be assigned now: limits that count less, budgets that tasks were parked by. */
export interface FreedCaps {
  readonly limits: readonly LimitRef[];
  readonly budgets: readonly BudgetRef[];
}

/**
 * Takes ended assignments out of the limits that count them, releases what they reserved, and adds what they cost to the
 * same budgets. Limits are locked in the order of their ids, then budgets; the assignments must be locked.
 */
export async function releaseCaps(tx: Queryable, ended: readonly EndedAssignment[]): Promise<FreedCaps> {
  const { rows } = await tx.query<{ cap: "limit" | "budget"; tenantId: TenantId; id: string }>(sql`
    with ended as materialized (
      select a.limit_ids, a.reserved, e.cost, e.tokens
      from ${unnest(
        ["uuid", ended.map(({ tenantId }) => tenantId)],
        ["uuid", ended.map(({ assignmentId }) => assignmentId)],
        ["bigint", ended.map(({ costMicroUsd }) => costMicroUsd)],
        ["bigint", ended.map(({ tokens }) => tokens)],
      )} as e (tenant_id, id, cost, tokens)
      join assignment a on a.tenant_id = e.tenant_id and a.id = e.id
    ), counted as (
      select limit_id, count(*)::int as count
      from ended cross join lateral unnest(ended.limit_ids) as limit_id
      group by limit_id
    ), full_limit as materialized (
      select c.id, counted.count
      from counted
      join concurrency_limit c on c.id = counted.limit_id
      order by c.id
      for update of c
    ), freed as (
      update concurrency_limit c set in_flight = greatest(0, c.in_flight - full_limit.count)
      from full_limit
      where c.id = full_limit.id
      returning c.tenant_id, c.id
    ), settled as (
      select r."budgetId" as id, sum(r.amount) as amount,
        sum(case r.unit when 'tokens' then ended.tokens else ended.cost end) as cost
      from ended
      cross join lateral json_to_recordset(ended.reserved) as r ("budgetId" uuid, unit text, amount bigint)
      group by r."budgetId"
    ), charged as materialized (
      select b.id, settled.amount, settled.cost
      from settled
      join budget b on b.id = settled.id
      order by b.id
      for update of b
    ), spent as (
      update budget b set reserved = greatest(0, b.reserved - charged.amount)::bigint,
        spent = least(${maxCount}, ${spentNow} + charged.cost)::bigint,
        window_start = greatest(b.window_start, budget_window(b.period)), unpark = b.waiting
      from charged
      where b.id = charged.id
      returning b.tenant_id, b.id, b.waiting and ${hasRoom} as has_room
    )
    select 'limit' as cap, tenant_id as "tenantId", id from freed
    union all
    select 'budget', tenant_id, id from spent where has_room`);
  return {
    limits: rows.flatMap(({ cap, tenantId, id }) => (cap === "limit" ? [{ tenantId, limitId: id as LimitId }] : [])),
    budgets: rows.flatMap(({ cap, tenantId, id }) =>
      cap === "budget" ? [{ tenantId, budgetId: id as BudgetId }] : [],
    ),
  };
}
