import type { BudgetStanding, LimitStanding, Requirements, TaskId, TenantId, UnassignedReason } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";
import { isSpent, isTooSmall, spentNow } from "../ledger/cap-figures.ts";
import { isAway, isBusy, isPull } from "../ledger/slot-figures.ts";

/** The figures of a budget that keeps a task waiting. */
export type BudgetFigures = Pick<BudgetStanding, "scope" | "unit" | "cap" | "spent" | "reserved">;
/** The figures of a full limit. */
export type LimitFigures = Pick<LimitStanding, "kind" | "value" | "maxInFlight" | "inFlight">;

/** How the registered agents stand to the lane of a queued task; an agent that is free has no reason. */
export interface Standing {
  readonly requirements: Requirements;
  readonly agents: number;
  readonly byReason: Readonly<Partial<Record<UnassignedReason, number>>>;
  /** Agents that could claim it, and have not. */
  readonly unclaimed: number;
  /** What has no room for it, whoever is free: the budget that parked it, or one of its tenant that is spent. */
  readonly budget?: BudgetFigures;
  readonly limit?: LimitFigures;
}

export interface StandingRow {
  readonly taskId: TaskId;
  readonly requirements: Requirements;
  readonly agents: number;
  readonly reason: UnassignedReason | "unclaimed" | null;
  readonly count: number;
  readonly budget: BudgetFigures | null;
  readonly limit: LimitFigures | null;
}

const budgetFigures: Sql = sql`
        select json_build_object('scope', b.scope, 'unit', b.unit, 'cap', b.cap, 'spent', ${spentNow},
          'reserved', b.reserved)
        from budget b`;

/** A row for each task and reason. Tasks that are not queued are left out. */
export function findStandings(tenantId: TenantId, taskIds: readonly TaskId[]): Sql {
  return sql`
    with asked as (
      select id, lane_id, parked_by from task
      where tenant_id = ${tenantId} and id = any (${taskIds}::uuid[]) and state = 'queued'
    ), standing as (
      select lane_id, reason, count(*)::int as count
      from (
        select la.lane_id, case
          when la.misfit is not null then la.misfit
          when a.admin <> 'active' then 'paused'
          when ${isAway} then 'disconnected'
          when a.health = 'unreachable' then 'unreachable'
          when ${isBusy} then 'busy'
          when exists (
            select from budget b
            where b.tenant_id = ${tenantId} and b.scope = 'agent' and b.subject_id = la.agent_id
              and b.deleted_at is null and ${isTooSmall}
          ) then 'budget'
          when ${isPull} then 'unclaimed'
        end as reason
        from lane_agent la
        join agent a on a.tenant_id = la.tenant_id and a.id = la.agent_id
        join agent_slot s on s.tenant_id = la.tenant_id and s.agent_id = la.agent_id
        where la.tenant_id = ${tenantId} and la.lane_id in (select lane_id from asked)
          and a.deregistered_at is null
      ) one
      where reason is not null
      group by lane_id, reason
    )
    select asked.id as "taskId", l.requirements, standing.reason, coalesce(standing.count, 0) as count,
      (select count(*)::int from agent where tenant_id = ${tenantId} and deregistered_at is null) as agents,
      coalesce(
        (${budgetFigures} where b.id = asked.parked_by and b.deleted_at is null),
        (${budgetFigures}
          where b.tenant_id = ${tenantId} and b.scope = 'tenant' and b.deleted_at is null
            and ${isSpent}
          limit 1)
      ) as budget,
      (
        select json_build_object('kind', c.kind, 'value', c.value, 'maxInFlight', c.max_in_flight,
          'inFlight', c.in_flight)
        from lane_limit ll
        join concurrency_limit c on c.id = ll.limit_id
        where ll.lane_id = asked.lane_id and c.in_flight >= c.max_in_flight
        order by c.id
        limit 1
      ) as limit
    from asked
    join lane l on l.tenant_id = ${tenantId} and l.id = asked.lane_id
    left join standing on standing.lane_id = asked.lane_id`;
}

export function toStandings(rows: readonly StandingRow[]): ReadonlyMap<TaskId, Standing> {
  const standings = new Map<TaskId, Standing>();
  for (const { taskId, requirements, agents, reason, count, budget, limit } of rows) {
    const { byReason, unclaimed } = standings.get(taskId) ?? { byReason: {}, unclaimed: 0 };
    standings.set(taskId, {
      requirements,
      agents,
      byReason: reason === null || reason === "unclaimed" ? byReason : { ...byReason, [reason]: count },
      unclaimed: reason === "unclaimed" ? count : unclaimed,
      ...(budget !== null && { budget }),
      ...(limit !== null && { limit }),
    });
  }
  return standings;
}
