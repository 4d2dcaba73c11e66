import type { Requirements, TaskId, TenantId, UnassignedReason } from "@devmesh/models";
import { type Sql, sql } from "./database/sql.ts";

/** How the registered agents stand to the lane of a queued task; an agent that is free has no reason. */
export interface Standing {
  readonly requirements: Requirements;
  readonly agents: number;
  readonly byReason: Readonly<Partial<Record<UnassignedReason, number>>>;
}

export interface StandingRow {
  readonly taskId: TaskId;
  readonly requirements: Requirements;
  readonly agents: number;
  readonly reason: UnassignedReason | null;
  readonly count: number;
}

/** A row for each task and reason. Tasks that are not queued are left out. */
export function findStandings(tenantId: TenantId, taskIds: readonly TaskId[]): Sql {
  return sql`
    with asked as (
      select id, lane_id from task
      where tenant_id = ${tenantId} and id = any (${taskIds}::uuid[]) and state = 'queued'
    ), standing as (
      select lane_id, reason, count(*)::int as count
      from (
        select la.lane_id, case
          when la.misfit is not null then la.misfit
          when a.admin <> 'active' then 'paused'
          when s.connection_id is null and a.delivery = 'push' then 'disconnected'
          when a.health = 'unreachable' then 'unreachable'
          when not s.offerable or s.slow or s.in_flight >= s.max_concurrency then 'busy'
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
      (select count(*)::int from agent where tenant_id = ${tenantId} and deregistered_at is null) as agents
    from asked
    join lane l on l.tenant_id = ${tenantId} and l.id = asked.lane_id
    left join standing on standing.lane_id = asked.lane_id`;
}

export function toStandings(rows: readonly StandingRow[]): ReadonlyMap<TaskId, Standing> {
  const standings = new Map<TaskId, Standing>();
  for (const { taskId, requirements, agents, reason, count } of rows) {
    const byReason = standings.get(taskId)?.byReason ?? {};
    standings.set(taskId, {
      requirements,
      agents,
      byReason: reason === null ? byReason : { ...byReason, [reason]: count },
    });
  }
  return standings;
}
