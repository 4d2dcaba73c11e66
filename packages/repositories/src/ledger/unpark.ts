import type { AgentId, BudgetId, BudgetRef, BudgetScope, LaneId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { firstInLane } from "./candidates.ts";
import { hasRoom, spentNow } from "./cap-figures.ts";

/** Where something may be assigned now, and the budgets that have parked more. */
export interface Unparked {
  readonly lanes: readonly { readonly tenantId: TenantId; readonly laneId: LaneId }[];
  readonly agents: readonly { readonly tenantId: TenantId; readonly agentId: AgentId }[];
  readonly more: readonly BudgetRef[];
}

interface RoomyBudget {
  readonly id: BudgetId;
  readonly tenantId: TenantId;
  readonly scope: BudgetScope;
  readonly subjectId: string | null;
  readonly waiting: boolean;
}

/** Lanes of one tenant that are looked at when its budget has room again; the sweep finds the others. */
const maxLanes = 500;

/**
 * Brings the best-ranked of the tasks that budgets have parked back into their lanes, `perBudget` of each that has room,
 * and tells what such a budget kept from being looked at: its tenant's lanes, or its agent. Several statements: each must
 * see what the one before it waited for. Budgets are locked before tasks here, which can't block anybody: tasks that are
 * locked are skipped.
 */
export async function unparkTasks(tx: Queryable, budgets: readonly BudgetRef[], perBudget: number): Promise<Unparked> {
  const asked = budgets.map(({ budgetId }) => budgetId);
  const { rows } = await tx.query<RoomyBudget & { hasRoom: boolean }>(sql`
    select b.id, b.tenant_id as "tenantId", b.scope, b.subject_id as "subjectId", b.waiting, ${hasRoom} as "hasRoom"
    from budget b
    where b.id = any (${asked}::uuid[])
    order by b.id
    for update`);
  const roomy = rows.filter((one) => one.hasRoom);
  const waiting = rows.filter((one) => one.waiting);
  const ofTenants = roomy.filter(({ scope }) => scope === "tenant").map(({ tenantId }) => tenantId);
  const agents = roomy.flatMap(({ tenantId, scope, subjectId }) =>
    scope === "agent" && subjectId !== null ? [{ tenantId, agentId: subjectId as AgentId }] : [],
  );
  const back = await bringBack(
    tx,
    roomy.filter((one) => one.waiting),
    perBudget,
  );
  const emptied = roomy.filter(({ id }) => countOf(back, id) < perBudget);
  const more = waiting.length === 0 ? [] : await noteWhatIsLeft(tx, waiting, emptied);
  const lanes = ofTenants.length === 0 ? [] : await findWaitingLanes(tx, ofTenants);
  return { lanes: [...back, ...lanes], agents, more };
}

/** Tasks that one budget had parked, back in one lane. */
interface Back {
  readonly tenantId: TenantId;
  readonly laneId: LaneId;
  readonly budgetId: BudgetId;
  readonly count: number;
}

function countOf(back: readonly Back[], id: BudgetId): number {
  return back.reduce((sum, { budgetId, count }) => (budgetId === id ? sum + count : sum), 0);
}

async function bringBack(tx: Queryable, roomy: readonly RoomyBudget[], perBudget: number): Promise<readonly Back[]> {
  if (roomy.length === 0) return [];
  const { rows } = await tx.query<Back>(sql`
    with head as materialized (
      select asked.id as budget_id, one.id
      from unnest(${roomy.map(({ id }) => id)}::uuid[]) as asked (id)
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
      returning t.tenant_id, t.lane_id, head.budget_id
    )
    select tenant_id as "tenantId", lane_id as "laneId", budget_id as "budgetId", count(*)::int as count
    from back
    group by tenant_id, lane_id, budget_id`);
  return rows;
}

/**
 * Also begins a new window where one has passed, so that the sweep does not find the same budget again. It is to look
 * again at what a deleted budget has parked, which no end of an assignment will tell of, and where tasks are left though
 * all that were not locked came back.
 */
async function noteWhatIsLeft(
  tx: Queryable,
  waiting: readonly RoomyBudget[],
  emptied: readonly RoomyBudget[],
): Promise<readonly BudgetRef[]> {
  const { rows } = await tx.query<BudgetRef & { more: boolean }>(sql`
    update budget b set waiting = parked.some,
      unpark = parked.some and (b.deleted_at is not null or b.id = any (${emptied.map(({ id }) => id)}::uuid[])),
      spent = ${spentNow},
      window_start = greatest(b.window_start, budget_window(b.period))
    from (
      select asked.id, exists (select from task q where q.parked_by = asked.id) as some
      from unnest(${waiting.map(({ id }) => id)}::uuid[]) as asked (id)
    ) parked
    where b.id = parked.id
    returning b.tenant_id as "tenantId", b.id as "budgetId", b.waiting and ${hasRoom} as more`);
  return rows.filter(({ more }) => more).map(({ tenantId, budgetId }) => ({ tenantId, budgetId }));
}

async function findWaitingLanes(tx: Queryable, tenants: readonly TenantId[]): Promise<Unparked["lanes"]> {
  const { rows } = await tx.query<Unparked["lanes"][number]>(sql`
    select l.tenant_id as "tenantId", l.id as "laneId"
    from unnest(${tenants}::uuid[]) as asked (tenant_id)
    cross join lateral (
      select l.tenant_id, l.id
      from lane l
      cross join lateral (${firstInLane(sql`l.id`)}) waiting
      where l.tenant_id = asked.tenant_id
      limit ${maxLanes}
    ) l`);
  return rows;
}
