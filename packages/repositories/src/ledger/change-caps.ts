import type { AssignmentId, BudgetId, BudgetRef, LimitId, LimitRef, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { hasRoom, isSpent, maxCount, spentNow } from "./cap-figures.ts";

/**
 * An assignment that something counts, and how that changes: it ends, or gives up its slot while its children run, or
 * takes one again.
 */
export interface CapChange {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
  /** What its limits count more, or less. */
  readonly inFlight: -1 | 0 | 1;
  /** What was reserved is released, and what the agent said that it cost is spent. */
  readonly ends: boolean;
  readonly costMicroUsd: number;
  readonly tokens: number;
}

/** What may let something more be assigned now: limits that count less, budgets that were spent, or have parked tasks. */
export interface FreedCaps {
  readonly limits: readonly LimitRef[];
  readonly budgets: readonly BudgetRef[];
}

/**
 * Changes what limits count of assignments; of those that end it releases what they reserved, and adds what they cost to
 * the same budgets. Limits are locked in the order of their ids, then budgets; the assignments must be locked.
 */
export async function changeCaps(tx: Queryable, changes: readonly CapChange[]): Promise<FreedCaps> {
  const { rows } = await tx.query<{ cap: "limit" | "budget"; tenantId: TenantId; id: string }>(sql`
    with changed as materialized (
      select a.limit_ids, a.reserved, e.in_flight, e.ends, e.cost, e.tokens
      from ${unnest(
        ["uuid", changes.map(({ tenantId }) => tenantId)],
        ["uuid", changes.map(({ assignmentId }) => assignmentId)],
        ["int", changes.map(({ inFlight }) => inFlight)],
        ["boolean", changes.map(({ ends }) => ends)],
        ["bigint", changes.map(({ costMicroUsd }) => costMicroUsd)],
        ["bigint", changes.map(({ tokens }) => tokens)],
      )} as e (tenant_id, id, in_flight, ends, cost, tokens)
      join assignment a on a.tenant_id = e.tenant_id and a.id = e.id
    ), counted as (
      select limit_id, sum(changed.in_flight)::int as more
      from changed cross join lateral unnest(changed.limit_ids) as limit_id
      where changed.in_flight <> 0
      group by limit_id
    ), counting as materialized (
      select c.id, counted.more
      from counted
      join concurrency_limit c on c.id = counted.limit_id
      order by c.id
      for update of c
    ), freed as (
      update concurrency_limit c set in_flight = greatest(0, c.in_flight + counting.more)
      from counting
      where c.id = counting.id
      returning c.tenant_id, c.id, counting.more
    ), settled as (
      select r."budgetId" as id, sum(r.amount) as amount,
        sum(case r.unit when 'tokens' then changed.tokens else changed.cost end) as cost
      from changed
      cross join lateral json_to_recordset(changed.reserved) as r ("budgetId" uuid, unit text, amount bigint)
      where changed.ends
      group by r."budgetId"
    ), charged as materialized (
      select b.id, settled.amount, settled.cost, ${isSpent} as was_spent
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
      returning b.tenant_id, b.id, (b.waiting or charged.was_spent) and ${hasRoom} as has_room
    )
    select 'limit' as cap, tenant_id as "tenantId", id from freed where more < 0
    union all
    select 'budget', tenant_id, id from spent where has_room`);
  return {
    limits: rows.flatMap(({ cap, tenantId, id }) => (cap === "limit" ? [{ tenantId, limitId: id as LimitId }] : [])),
    budgets: rows.flatMap(({ cap, tenantId, id }) =>
      cap === "budget" ? [{ tenantId, budgetId: id as BudgetId }] : [],
    ),
  };
}

/** Locks the limits that count these assignments, in the order of their ids. */
export async function lockLimitsOf(tx: Queryable, assignmentIds: readonly AssignmentId[]): Promise<void> {
  await tx.query(sql`
    select c.id
    from (
      select distinct limit_id
      from assignment a cross join lateral unnest(a.limit_ids) as limit_id
      where a.id = any (${assignmentIds}::uuid[])
    ) counted
    join concurrency_limit c on c.id = counted.limit_id
    order by c.id
    for update of c`);
}
