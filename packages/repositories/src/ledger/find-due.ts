import type { BudgetId, BudgetRef, LaneId, TaskId, TenantId } from "@devmesh/models";
import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { agentMaySpend, firstInLane, laneMayGo, tenantMaySpend } from "./candidates.ts";
import type { TaskRef } from "./refs.ts";
import { hasFreeSlot } from "./slot-figures.ts";

/** What the sweep has to look at now, and when there will be more. */
export interface DueRows {
  readonly assignments: readonly TaskRef[];
  /** Those of the assignments' tasks that gave up their slot: perhaps they may go on. */
  readonly parked: readonly TaskRef[];
  readonly tasks: readonly TaskRef[];
  readonly lanes: readonly { readonly tenantId: TenantId; readonly laneId: LaneId }[];
  /** Budgets that have parked tasks and may have room for them again. */
  readonly budgets: readonly BudgetRef[];
  readonly nextDueAt: Date | undefined;
  readonly now: Date;
}

/** Of all tenants: the engine sees them. */
const ofAll = sql`tenant_id is not null`;

/**
 * Finds assignments and tasks whose time has come, and lanes that hold a task which a free agent fits (their looking
 * died with a process), over all tenants; one statement, which answers the time of the next as well.
 */
export async function findDue(tx: Transaction, limit: number): Promise<DueRows> {
  const { rows } = await tx.query<{ kind: string; tenantId: TenantId | null; id: string | null; at: Date | null }>(sql`
    (select case slot when 'held' then 'assignment' else 'parked' end as kind, tenant_id as "tenantId", task_id as id, null::timestamptz as at
      from assignment where is_open and check_at <= now() order by check_at limit ${limit})
    union all
    (select 'task', tenant_id, id, null from task where wake_at <= now() order by wake_at limit ${limit})
    union all
    (select 'lane', l.tenant_id, l.id, null
      from lane l
      cross join lateral (${firstInLane(sql`l.id`)}) waiting
      where exists (
        select from lane_agent la
        join agent_slot s on s.tenant_id = la.tenant_id and s.agent_id = la.agent_id
        where la.tenant_id = l.tenant_id and la.lane_id = l.id and la.misfit is null
          and ${hasFreeSlot}
          and ${agentMaySpend(ofAll)}
      ) and ${laneMayGo(sql`l.id`, ofAll)}
        and ${tenantMaySpend(sql`l.tenant_id`, ofAll)}
      limit ${limit})
    union all
    (select 'budget', tenant_id, id, null from budget where unpark order by id limit ${limit})
    union all
    (select 'budget', tenant_id, id, null from budget
      where waiting and period <> 'total' and window_start < budget_window('day')
        and (period = 'day' or window_start < budget_window('month'))
      order by window_start
      limit ${limit})
    union all
    (select 'next', null, null, check_at from assignment where is_open and check_at > now() order by check_at limit 1)
    union all
    (select 'next', null, null, wake_at from task where wake_at > now() order by wake_at limit 1)`);
  const ofKind = (kind: string): readonly { tenantId: TenantId; id: string }[] =>
    rows.flatMap((row) =>
      row.kind === kind && row.tenantId !== null && row.id !== null ? [{ tenantId: row.tenantId, id: row.id }] : [],
    );
  const next = rows.flatMap(({ at }) => at ?? []).sort((a, b) => a.getTime() - b.getTime());
  return {
    assignments: [...ofKind("assignment"), ...ofKind("parked")].map(({ tenantId, id }) => ({
      tenantId,
      taskId: id as TaskId,
    })),
    parked: ofKind("parked").map(({ tenantId, id }) => ({ tenantId, taskId: id as TaskId })),
    tasks: ofKind("task").map(({ tenantId, id }) => ({ tenantId, taskId: id as TaskId })),
    lanes: ofKind("lane").map(({ tenantId, id }) => ({ tenantId, laneId: id as LaneId })),
    budgets: ofKind("budget").map(({ tenantId, id }) => ({ tenantId, budgetId: id as BudgetId })),
    nextDueAt: next[0],
    now: tx.now,
  };
}
