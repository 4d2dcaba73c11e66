import type { AgentId, AssignmentScope, Candidate, PassedOver, QueuedTask, TakenBy, TenantId } from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { isSpent, isTooSmall } from "./cap-figures.ts";
import { laneRows, limitRefRows, slotRows } from "./refs.ts";
import { hasFreeSlot, isAway, isBusy, isPull, mayClaim } from "./slot-figures.ts";

/**
 * Agents with a free slot, once for each lane with a waiting task that they fit: those of the scope's lanes and of the
 * lanes of its limits, and the scope's agents for all of their lanes. Lanes with a full limit, and those of tenants and
 * agents that have spent their budget, are left out, so that their backlog costs nothing. Each tenant has its share of
 * `limit`. Locks nothing.
 *
 * @param by whose slots: of agents that tasks are pushed to, or of those that claim them.
 */
export async function findCandidates(
  database: Database,
  scope: AssignmentScope,
  limit: number,
  by: TakenBy = "push",
): Promise<readonly Candidate[]> {
  const tenants = [
    ...new Set([...scope.lanes, ...scope.agents, ...(scope.limits ?? [])].map(({ tenantId }) => tenantId)),
  ];
  const { rows } = await database.queryAs<CandidateRow>(
    { role: "devmesh_app", tenants, plans: "by_index" },
    tenants.length === 1
      ? candidatesOf({ scope, tenants, limit, by })
      : sharedCandidates({ scope, tenants, limit, by }),
  );
  return rows.map((row) => ({
    ...row,
    costMicroUsd: row.costMicroUsd ?? undefined,
    lastAssignedAt: row.lastAssignedAt ?? undefined,
  }));
}

/** Each tenant has its share: one with thousands of agents does not crowd another's out of the answer. */
function sharedCandidates({ limit, ...asked }: CandidatesAsked): Sql {
  const { tenants } = asked;
  const share = Math.ceil(limit / Math.max(1, tenants.length));
  const ofOwner = sql`where asked.tenant_id = owner.tenant_id`;
  return sql`
    select "tenantId", "laneId", "agentId", "agentName", "levelGap", "costMicroUsd", "inFlight", "maxConcurrency",
      "lastAssignedAt"
    from unnest(${tenants}::uuid[]) as owner (tenant_id)
    cross join lateral (${candidatesOf({ ...asked, limit: share, ofOwner })}) own`;
}

interface CandidatesAsked {
  readonly scope: AssignmentScope;
  readonly tenants: readonly TenantId[];
  readonly limit: number;
  readonly by: TakenBy;
  /** Narrows what is asked for down to one tenant. */
  readonly ofOwner?: Sql;
}

function candidatesOf({ scope, tenants, limit, by, ofOwner = sql`` }: CandidatesAsked): Sql {
  return sql`
    select la.tenant_id as "tenantId", la.lane_id as "laneId", la.agent_id as "agentId", a.name as "agentName",
      la.level_gap as "levelGap", la.cost_micro_usd as "costMicroUsd", s.in_flight + s.awaited as "inFlight",
      s.max_concurrency as "maxConcurrency", s.last_assigned_at as "lastAssignedAt"
    from (
      select la.tenant_id, la.lane_id, la.agent_id, la.level_gap, la.cost_micro_usd
      from ${laneRows(scope.lanes)} as asked (tenant_id, lane_id)
      join lane_agent la on la.tenant_id = asked.tenant_id and la.lane_id = asked.lane_id and la.misfit is null
      ${ofOwner}
      union
      select la.tenant_id, la.lane_id, la.agent_id, la.level_gap, la.cost_micro_usd
      from ${slotRows(scope.agents)} as asked (tenant_id, agent_id)
      join lane_agent la on la.tenant_id = asked.tenant_id and la.agent_id = asked.agent_id and la.misfit is null
      ${ofOwner}
      ${ofLimits(scope.limits ?? [], ofOwner)}
    ) la
    join agent_slot s on s.tenant_id = la.tenant_id and s.agent_id = la.agent_id
    join agent a on a.id = la.agent_id
    cross join lateral (${firstInLane(sql`la.lane_id`)}) waiting
    where ${by === "push" ? hasFreeSlot : mayClaim}
      and ${laneMayGo(sql`la.lane_id`, sql`tenant_id = any (${tenants}::uuid[])`)}
      and ${tenantMaySpend(sql`la.tenant_id`, sql`tenant_id = any (${tenants}::uuid[])`)}
      and ${agentMaySpend(sql`tenant_id = any (${tenants}::uuid[])`)}
    limit ${limit}`;
}

/**
 * A row where a task waits in the lane. As an `exists` the planner made it a semi-join and read all tasks of the tenant
 * (8 ms at 20,000); in this form only the head of `task_queue` can serve.
 */
export function firstInLane(laneId: Sql): Sql {
  return sql`
    select 1 as one
    from task q
    where q.lane_id = ${laneId} and q.queue_rank is not null
    order by q.queue_rank
    limit 1`;
}

function ofLimits(limits: NonNullable<AssignmentScope["limits"]>, ofOwner: Sql): Sql {
  if (limits.length === 0) return sql``;
  return sql`
      union
      select la.tenant_id, la.lane_id, la.agent_id, la.level_gap, la.cost_micro_usd
      from ${limitRefRows(limits)} as asked (tenant_id, limit_id)
      join lane_limit ll on ll.tenant_id = asked.tenant_id and ll.limit_id = asked.limit_id
      join lane_agent la on la.tenant_id = ll.tenant_id and la.lane_id = ll.lane_id and la.misfit is null
      ${ofOwner}`;
}

/**
 * True where no limit of the lane is full. What stands before the `or` is looked up once a statement, and spares those
 * without limits the look-up for each row; so do the two below.
 *
 * @param ofTenants which tenants the statement is about, as a condition on `tenant_id`.
 */
export function laneMayGo(laneId: Sql, ofTenants: Sql): Sql {
  return sql`(not (select exists (select from concurrency_limit where ${ofTenants})) or not exists (
        select from lane_limit ll
        join concurrency_limit c on c.id = ll.limit_id
        where ll.lane_id = ${laneId} and c.in_flight >= c.max_in_flight
      ))`;
}

/** True where no budget of the tenant is spent. */
export function tenantMaySpend(tenantId: Sql, ofTenants: Sql): Sql {
  return sql`${tenantId} not in (
        select b.tenant_id from budget b
        where b.${ofTenants} and b.scope = 'tenant' and b.deleted_at is null and ${isSpent}
      )`;
}

/** True where the budgets of agent `la` have room for what it says that such a task costs. */
export function agentMaySpend(ofTenants: Sql): Sql {
  return sql`(not (select exists (select from budget where ${ofTenants} and scope = 'agent' and deleted_at is null))
        or not exists (
          select from budget b
          where b.tenant_id = la.tenant_id and b.scope = 'agent' and b.subject_id = la.agent_id
            and b.deleted_at is null and ${isTooSmall}
        ))`;
}

interface CandidateRow extends Omit<Candidate, "costMicroUsd" | "lastAssignedAt"> {
  readonly costMicroUsd: number | null;
  readonly lastAssignedAt: Date | null;
}

/**
 * Locks the heads of lanes, tenants in turn, the best of each first. What another transaction holds is skipped, so that two processes that
 * assign at once share the work. Reads the index `task_queue` from its beginning: the same cost at any backlog.
 */
export async function lockHeads(
  tx: Queryable,
  lanes: AssignmentScope["lanes"],
  { perLane, limit }: { readonly perLane: number; readonly limit: number },
): Promise<readonly QueuedTask[]> {
  const { rows } = await tx.query<QueuedTask>(sql`
    select tenant_id as "tenantId", id as "taskId", lane_id as "laneId", strategy, rank, budget_ids as "budgetIds"
    from (
      select head.*, row_number() over (partition by head.tenant_id order by head.rank, head.id) as turn
      from ${laneRows(lanes)} as asked (tenant_id, lane_id)
      cross join lateral (
        select q.tenant_id, q.id, q.lane_id, q.strategy, q.rank, q.budget_ids
        from task q
        where q.tenant_id = asked.tenant_id and q.lane_id = asked.lane_id and q.queue_rank is not null
        order by q.queue_rank, q.id
        limit ${perLane}
        for update skip locked
      ) head
    ) one
    order by turn, rank, id
    limit ${limit}`);
  return rows;
}

/**
 * How many agents each lane passes over, by reason: those that do not fit, and those that fit and can't take a task now,
 * or have not asked for one (`pull`), as those under `claiming` have.
 */
export async function countPassedOver(
  tx: Queryable,
  lanes: AssignmentScope["lanes"],
  claiming: readonly AgentId[] = [],
): Promise<readonly PassedOver[]> {
  const { rows } = await tx.query<PassedOver>(sql`
    select "tenantId", "laneId", reason, count(*)::int as count
    from (
      select la.tenant_id as "tenantId", la.lane_id as "laneId", case
        when la.misfit is not null then la.misfit
        when a.admin <> 'active' then 'paused'
        when ${isAway} and s.agent_id <> all (${claiming}::uuid[]) then 'disconnected'
        when a.health = 'unreachable' then 'unreachable'
        when ${isBusy} then 'busy'
        when ${isPull} and s.agent_id <> all (${claiming}::uuid[]) then 'pull'
      end as reason
      from ${laneRows(lanes)} as asked (tenant_id, lane_id)
      join lane_agent la on la.tenant_id = asked.tenant_id and la.lane_id = asked.lane_id
      join agent_slot s on s.tenant_id = la.tenant_id and s.agent_id = la.agent_id
      join agent a on a.id = la.agent_id
    ) one
    where reason is not null
    group by "tenantId", "laneId", reason`);
  return rows;
}
