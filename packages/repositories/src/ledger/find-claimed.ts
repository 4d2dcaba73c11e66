import type { AgentId, AssignmentId, AssignmentState, ClaimedTask } from "@devmesh/models";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { findDependencyOutputs, findLeftOut, type OutputBounds, toDependencies } from "../tasks/dependency-outputs.ts";
import { findAnswers, toAnswers } from "../tasks/task-answers.ts";
import { type AssignedTaskRow, inputColumns, taskColumns, toAssignedTask } from "../tasks/task-columns.ts";
import type { SlotRef } from "./refs.ts";

/** An agent as a claim finds it: what decides whether it may claim at all. */
export interface ClaimantRow {
  readonly isPull: boolean;
  readonly admin: "active" | "paused" | "revoked";
  readonly availability: "available" | "busy" | "draining";
  /** Fewer than none where its limit sank. */
  readonly freeSlots: number;
  readonly maxConcurrency: number;
}

/** By the primary keys; undefined where there is no such agent. */
export async function findClaimant(
  database: Database,
  { tenantId, agentId }: SlotRef,
): Promise<ClaimantRow | undefined> {
  const { rows } = await database.queryAs<ClaimantRow & { readonly isRegistered: boolean }>(
    { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
    sql`
      select s.connection_id is null and s.present_until is not null as "isPull", a.admin, a.availability,
        s.max_concurrency - s.in_flight - s.awaited as "freeSlots", s.max_concurrency as "maxConcurrency",
        a.deregistered_at is null as "isRegistered"
      from agent a
      join agent_slot s on s.tenant_id = a.tenant_id and s.agent_id = a.id
      where a.tenant_id = ${tenantId} and a.id = ${agentId}`,
  );
  // as a condition it made the planner read all agents of the tenant, by the index of those that are registered
  return rows.find(({ isRegistered }) => isRegistered);
}

/** Assignments of an agent, whole, in the order in which they were given. Unknown and others' are left out. */
export async function findClaimed(
  database: Database,
  { tenantId, agentId }: SlotRef,
  assignmentIds: readonly AssignmentId[],
): Promise<readonly ClaimedTask[]> {
  const query = <Row>(statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement);
  const { rows } = await query<ClaimedRow>(sql`
    select x.state as "assignmentState", x.is_open as "isOpen", x.lease_ms as "leaseMs", b.traceparent,
      ${taskColumns}, ${inputColumns}
    from assignment x
    join task t on t.tenant_id = x.tenant_id and t.id = x.task_id
    join task_body b on b.task_id = t.id
    join agent a on a.id = x.agent_id
    left join task_result r on r.task_id = t.id
    where x.tenant_id = ${tenantId} and x.agent_id = ${agentId} and x.id = any (${assignmentIds}::uuid[])
    order by x.seq`);
  const own = rows.map((row) => ({ ...row, tenantId }));
  // results of completed tasks do not change: a second look sees what the first would have
  const dependencies = await findDependencyOutputs(query, own, dependencyBounds);
  const answers = await findAnswers(query, own);
  return rows.map((row) => ({
    ...toClaimed(row, { ...toAnswers(answers, row.id), ...toDependencies(dependencies, row) }),
    ...(findLeftOut(dependencies, row.id) !== undefined && { lacksOutputs: true as const }),
  }));
}

/** Of what the tasks of one claim depend on; a hundred for each of twenty would be two gigabytes. Judgement. */
const dependencyBounds: OutputBounds = { ofTask: 8_388_608, together: 8_388_608 };

interface ClaimedRow extends AssignedTaskRow {
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  readonly fence: number;
  readonly assignmentState: AssignmentState;
  readonly isOpen: boolean;
  readonly leaseMs: number;
  readonly traceparent: string | null;
}

function toClaimed(row: ClaimedRow, beside: Parameters<typeof toAssignedTask>[1]): ClaimedTask {
  const { assignmentId, fence, assignmentState: state, isOpen, leaseMs, leaseUntil, traceparent } = row;
  return {
    assignmentId,
    fence,
    state,
    leaseMs,
    ...(isOpen && leaseUntil !== null && { leaseUntil: leaseUntil.toISOString() }),
    task: toAssignedTask(row, beside),
    ...(traceparent !== null && { traceparent }),
  };
}
