import type {
  AgentId,
  BudgetId,
  BudgetScope,
  BudgetStanding,
  CapHold,
  LaneId,
  LaneMove,
  LimitId,
  LimitKind,
  LimitRule,
  LimitStanding,
  ParkedTask,
  Requirements,
  TaskId,
  TaskSubject,
  TenantId,
} from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { spentNow } from "./cap-figures.ts";
import { type TaskRef, taskRows } from "./refs.ts";

/** The limits of some tenants, and the budgets of these tenants and of their agents. */
export interface StandingCaps {
  readonly limits: readonly LimitRule[];
  readonly budgets: readonly { readonly id: BudgetId; readonly scope: BudgetScope; readonly subjectId?: AgentId }[];
}

interface CapRow {
  readonly cap: "limit" | "budget";
  readonly tenantId: TenantId;
  readonly id: string;
  readonly kind: string;
  readonly value: string | null;
}

/** Reads what caps the work of tenants, without its figures; two look-ups that find nothing as a rule. */
export async function readCaps(tx: Queryable, tenants: readonly TenantId[]): Promise<StandingCaps> {
  const { rows } = await tx.query<CapRow>(sql`
    select 'limit' as cap, tenant_id as "tenantId", id, kind, value
    from concurrency_limit
    where tenant_id = any (${tenants}::uuid[])
    union all
    select 'budget', tenant_id, id, scope, subject_id::text
    from budget
    where tenant_id = any (${tenants}::uuid[]) and scope in ('tenant', 'agent') and deleted_at is null`);
  return {
    limits: rows.flatMap(({ cap, tenantId, id, kind, value }) =>
      cap === "limit" ? [{ tenantId, id: id as LimitId, kind: kind as LimitKind, value: value ?? "" }] : [],
    ),
    budgets: rows.flatMap(({ cap, id, kind, value }) =>
      cap === "budget"
        ? [{ id: id as BudgetId, scope: kind as BudgetScope, ...(value !== null && { subjectId: value as AgentId }) }]
        : [],
    ),
  };
}

/** What decides on the caps of queued tasks. */
export async function findSubjects(tx: Queryable, refs: readonly TaskRef[]): Promise<readonly TaskSubject[]> {
  const { rows } = await tx.query<TaskSubject>(sql`
    select t.id as "taskId", b.type, b.labels, t.budget_ids as "budgetIds",
      array(select ll.limit_id from lane_limit ll where ll.lane_id = t.lane_id) as "laneLimitIds"
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id
    join task_body b on b.task_id = t.id`);
  return rows;
}

/** Locks limits in the order of their ids, and tells their figures. Deleted ones are absent. */
export async function lockLimits(tx: Queryable, ids: readonly LimitId[]): Promise<readonly LimitStanding[]> {
  const { rows } = await tx.query<LimitStanding>(sql`
    select id, tenant_id as "tenantId", kind, value, max_in_flight as "maxInFlight", in_flight as "inFlight"
    from concurrency_limit
    where id = any (${ids}::uuid[])
    order by id
    for update`);
  return rows;
}

/** Locks budgets in the order of their ids, and tells their figures in the running window. Deleted ones are absent. */
export async function lockBudgets(tx: Queryable, ids: readonly BudgetId[]): Promise<readonly BudgetStanding[]> {
  const { rows } = await tx.query<Omit<BudgetStanding, "subjectId"> & { subjectId: AgentId | TaskId | null }>(sql`
    select b.id, b.tenant_id as "tenantId", b.scope, b.subject_id as "subjectId", b.unit, b.cap,
      ${spentNow} as spent, b.reserved
    from budget b
    where b.id = any (${ids}::uuid[]) and b.deleted_at is null
    order by b.id
    for update`);
  return rows.map((row) => ({ ...row, subjectId: row.subjectId ?? undefined }));
}

/** Counts new assignments in their limits and holds back what they reserve. The caps must be locked already. */
export async function countHolds(tx: Queryable, holds: readonly CapHold[]): Promise<void> {
  const counts = countLimits(holds);
  const amounts = sumReservations(holds);
  await tx.query(sql`
    with held as (
      update assignment a set limit_ids = hold.limit_ids::uuid[], reserved = hold.reserved
      from ${unnest(
        ["uuid", holds.map(({ assignmentId }) => assignmentId)],
        ["text", holds.map(({ limitIds }) => `{${limitIds.join(",")}}`)],
        ["json", holds.map(({ reservations: all }) => (all.length > 0 ? JSON.stringify(all) : undefined))],
      )} as hold (id, limit_ids, reserved)
      where a.id = hold.id
    ), counted as (
      update concurrency_limit c set in_flight = c.in_flight + taken.count
      from ${unnest(["uuid", [...counts.keys()]], ["int", [...counts.values()]])} as taken (id, count)
      where c.id = taken.id
    )
    update budget b set reserved = b.reserved + taken.amount
    from ${unnest(["uuid", [...amounts.keys()]], ["bigint", [...amounts.values()]])} as taken (id, amount)
    where b.id = taken.id`);
}

function countLimits(holds: readonly CapHold[]): ReadonlyMap<LimitId, number> {
  const counts = new Map<LimitId, number>();
  for (const id of holds.flatMap(({ limitIds }) => limitIds)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function sumReservations(holds: readonly CapHold[]): ReadonlyMap<BudgetId, number> {
  const amounts = new Map<BudgetId, number>();
  for (const { budgetId, amount } of holds.flatMap(({ reservations }) => reservations)) {
    amounts.set(budgetId, (amounts.get(budgetId) ?? 0) + amount);
  }
  return amounts;
}

/** Takes queued tasks out of their lanes until their budgets have room again. The tasks and the budgets must be locked. */
export async function parkTasks(tx: Queryable, parked: readonly ParkedTask[]): Promise<void> {
  await tx.query(sql`
    with parked as (
      select tenant_id, task_id, budget_id, retry_ms
      from ${unnest(
        ["uuid", parked.map(({ tenantId }) => tenantId)],
        ["uuid", parked.map(({ taskId }) => taskId)],
        ["uuid", parked.map(({ budgetId }) => budgetId)],
        ["int", parked.map(({ retryAfterMs }) => retryAfterMs)],
      )} as p (tenant_id, task_id, budget_id, retry_ms)
    ), waiting as (
      update budget b set waiting = true
      where b.id in (select budget_id from parked)
    )
    update task t set queue_rank = null, parked_by = parked.budget_id,
      wake_at = least(t.wake_at, now() + parked.retry_ms * interval '1 millisecond')
    from parked
    where t.tenant_id = parked.tenant_id and t.id = parked.task_id and t.state = 'queued'`);
}

/** Moves queued tasks to other lanes; the tasks must be locked. */
export async function moveTasks(tx: Queryable, moves: readonly LaneMove[]): Promise<void> {
  await tx.query(sql`
    update task t set lane_id = m.lane_id
    from ${unnest(
      ["uuid", moves.map(({ tenantId }) => tenantId)],
      ["uuid", moves.map(({ taskId }) => taskId)],
      ["uuid", moves.map(({ laneId }) => laneId)],
    )} as m (tenant_id, task_id, lane_id)
    where t.tenant_id = m.tenant_id and t.id = m.task_id and t.state = 'queued'`);
}

/** The limits of tenants, for those who make lanes. */
export async function findLimits(tx: Queryable, tenantId: TenantId): Promise<readonly LimitRule[]> {
  const { rows } = await tx.query<LimitRule>(sql`
    select id, tenant_id as "tenantId", kind, value from concurrency_limit where tenant_id = ${tenantId}`);
  return rows;
}

/** What lanes require, excluded agents included. */
export async function laneRequirements(
  tx: Queryable,
  laneIds: readonly LaneId[],
): Promise<ReadonlyMap<LaneId, Requirements>> {
  const { rows } = await tx.query<{ id: LaneId; requirements: Requirements }>(sql`
    select id, requirements from lane where id = any (${laneIds}::uuid[])`);
  return new Map(rows.map(({ id, requirements }) => [id, requirements]));
}
