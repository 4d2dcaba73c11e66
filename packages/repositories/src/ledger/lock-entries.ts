import type { AgentId, AssignmentId, LedgerAssignment, LedgerEntry, TaskId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { type TaskRef, taskRows } from "./refs.ts";

/**
 * Locks the tasks of assignments in the order of their ids, and the assignments with them: what another transaction has
 * just changed is read as it left it. Unknown ones are absent; one that is asked for twice comes twice.
 */
export async function lockByAssignment(
  tx: Queryable,
  ids: readonly { readonly tenantId: TenantId; readonly assignmentId: AssignmentId }[],
): Promise<readonly LedgerEntry[]> {
  const asked = unnest(
    ["uuid", ids.map(({ tenantId }) => tenantId)],
    ["uuid", ids.map(({ assignmentId }) => assignmentId)],
  );
  const { rows } = await tx.query<TaskRow & AssignmentRow>(sql`
    select ${taskColumns}, null::timestamptz as "notBefore", ${assignmentColumns}
    from ${asked} as asked (tenant_id, assignment_id)
    join assignment a on a.tenant_id = asked.tenant_id and a.id = asked.assignment_id
    join task t on t.tenant_id = a.tenant_id and t.id = a.task_id
    order by t.id
    for update of t, a`);
  return rows.map((row) => toEntry(row, row));
}

/**
 * Locks tasks in the order of their ids, then reads the open assignment of each. Two statements: the second sees what
 * the first had to wait for.
 */
export async function lockByTask(tx: Queryable, refs: readonly TaskRef[]): Promise<readonly LedgerEntry[]> {
  const [tasks, assignments] = await Promise.all([
    tx.query<TaskRow>(sql`
      select ${taskColumns}, b.not_before as "notBefore"
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id
      join task_body b on b.task_id = t.id
      order by t.id
      for update of t`),
    tx.query<AssignmentRow>(sql`
      select ${assignmentColumns}
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id
      join assignment a on a.tenant_id = t.tenant_id and a.id = t.assignment_id
      where a.is_open`),
  ]);
  const assignmentsById = new Map(assignments.rows.map((row) => [row.assignmentId, row]));
  return tasks.rows.map((row) =>
    toEntry(row, row.currentAssignmentId === null ? undefined : assignmentsById.get(row.currentAssignmentId)),
  );
}

interface TaskRow {
  readonly tenantId: LedgerEntry["tenantId"];
  readonly taskId: LedgerEntry["taskId"];
  readonly parentId: TaskId | null;
  readonly state: LedgerEntry["state"];
  readonly attempt: number;
  readonly counted: number;
  readonly uncounted: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly fence: number;
  readonly redrives: number;
  readonly eventSeq: number;
  readonly laneId: LedgerEntry["laneId"];
  readonly rejectedBy: LedgerEntry["rejectedBy"];
  readonly passedOver: readonly { readonly agentId: AgentId; readonly until: string }[] | null;
  readonly deadline: Date | null;
  readonly notBefore: Date | null;
  readonly wakeAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly error: string | null;
  readonly progress: string | null;
  readonly hasOutputSchema: boolean;
  readonly answerCount: number;
  readonly currentAssignmentId: AssignmentId | null;
}

const taskColumns = sql`t.tenant_id as "tenantId", t.id as "taskId", t.parent_id as "parentId", t.state, t.attempt, t.counted, t.uncounted,
  t.max_attempts as "maxAttempts", t.timeout_ms as "timeoutMs", t.fence, t.redrives, t.event_seq as "eventSeq", t.lane_id as "laneId",
  t.rejected_by as "rejectedBy", t.passed_over as "passedOver", t.deadline, t.wake_at as "wakeAt", t.started_at as "startedAt",
  t.finished_at as "finishedAt", t.error::text as error, t.progress::text as progress,
  t.has_output_schema as "hasOutputSchema", t.answer_count as "answerCount", t.assignment_id as "currentAssignmentId"`;

interface AssignmentRow {
  readonly assignmentId: AssignmentId;
  readonly agentId: LedgerAssignment["agentId"];
  readonly assignmentFence: number;
  readonly assignmentState: LedgerAssignment["state"];
  readonly leaseMs: number;
  readonly acceptUntil: Date;
  readonly leaseUntil: Date | null;
  readonly attemptUntil: Date | null;
  readonly checkAt: Date;
  readonly schemaFailures: number;
  readonly slot: LedgerAssignment["slot"];
  readonly question: string | null;
  readonly askedAt: Date | null;
  readonly attemptLeftMs: number | null;
  readonly isCapped: boolean;
  readonly endReason: string | null;
  readonly usage: string | null;
}

const assignmentColumns = sql`a.id as "assignmentId", a.agent_id as "agentId", a.fence as "assignmentFence",
  a.state as "assignmentState", a.lease_ms as "leaseMs", a.accept_until as "acceptUntil",
  a.lease_until as "leaseUntil", a.attempt_until as "attemptUntil", a.check_at as "checkAt",
  a.schema_failures as "schemaFailures", a.slot,
  a.question::text as question, a.asked_at as "askedAt", a.attempt_left_ms as "attemptLeftMs",
  (a.limit_ids <> '{}' or a.reserved is not null) as "isCapped", a.end_reason as "endReason", a.usage::text as usage`;

function toEntry(row: TaskRow, assignment: AssignmentRow | undefined): LedgerEntry {
  return {
    tenantId: row.tenantId,
    taskId: row.taskId,
    parentId: row.parentId ?? undefined,
    state: row.state,
    attempt: row.attempt,
    counted: row.counted,
    uncounted: row.uncounted,
    maxAttempts: row.maxAttempts,
    timeoutMs: row.timeoutMs,
    fence: row.fence,
    redrives: row.redrives,
    eventSeq: row.eventSeq,
    laneId: row.laneId,
    rejectedBy: row.rejectedBy,
    passedOver: (row.passedOver ?? []).map(({ agentId, until }) => ({ agentId, until: new Date(until) })),
    deadline: row.deadline ?? undefined,
    notBefore: row.notBefore ?? undefined,
    wakeAt: row.wakeAt ?? undefined,
    startedAt: row.startedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
    error: row.error ?? undefined,
    progress: row.progress ?? undefined,
    hasOutputSchema: row.hasOutputSchema,
    answerCount: row.answerCount,
    holdsCurrentAssignment: assignment !== undefined && row.currentAssignmentId === assignment.assignmentId,
    assignment: assignment && toAssignment(assignment),
  };
}

function toAssignment(row: AssignmentRow): LedgerAssignment {
  return {
    id: row.assignmentId,
    agentId: row.agentId,
    fence: row.assignmentFence,
    state: row.assignmentState,
    leaseMs: row.leaseMs,
    acceptUntil: row.acceptUntil,
    leaseUntil: row.leaseUntil ?? undefined,
    attemptUntil: row.attemptUntil ?? undefined,
    checkAt: row.checkAt,
    schemaFailures: row.schemaFailures,
    slot: row.slot,
    question: row.question ?? undefined,
    askedAt: row.askedAt ?? undefined,
    attemptLeftMs: row.attemptLeftMs ?? undefined,
    isCapped: row.isCapped,
    endReason: row.endReason ?? undefined,
    usage: row.usage ?? undefined,
  };
}
