import {
  type AgentId,
  type Artifact,
  type AssignmentId,
  type AssignmentStrategy,
  type AssignmentWhy,
  type BudgetCaps,
  type ContextId,
  parseQuestion,
  type Requirements,
  type Task,
  type TaskAnswer,
  type TaskId,
  type TaskProgress,
  type TaskQuestion,
  type TaskState,
  timeoutOf,
  type Usage,
} from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/**
 * What a task is read from: `t` and `b`, its rows of task and task_body; `x` and `a`, the assignment that it names and
 * that one's agent; `r`, its result. The last three may be missing.
 */
export const taskColumns: Sql = sql`
  t.id, t.parent_id as "parentId", b.ref, b.type, b.title, t.state, b.requirements, t.strategy, b.priority, t.deadline,
  b.not_before as "notBefore", t.max_attempts as "maxAttempts", t.timeout_ms as "timeoutMs",
  b.depends_on as "dependsOn", t.has_output_schema as "hasOutputSchema", b.output_schema as "outputSchema", b.labels, b.contexts, b.budget, b.tree_budget as "treeBudget",
  t.attempt, t.error, t.progress, t.created_at as "createdAt", t.updated_at as "updatedAt",
  t.started_at as "startedAt", t.finished_at as "finishedAt",
  x.id as "assignmentId", x.fence, x.strategy as "assignedBy",
  case when x.attempt_left_ms is null then x.lease_until end as "leaseUntil", a.id as "agentId",
  a.name as "agentName", r.artifacts, coalesce(r.usage, x.usage) as usage, t.answer_count as "answerCount"`;

/** JSON's null is a value here, SQL's is none. */
export const inputColumns: Sql = sql`b.input is not null as "hasInput", b.input`;

/** What lists leave out; null as above. */
export const heavyTaskColumns: Sql = sql`
  ${inputColumns}, r.output is not null as "hasOutput", r.output, x.why,
  x.asked_at as "askedAt", x.question::text as question`;

/** The rows that {@link taskColumns} names, beside `t`. */
export const taskJoins: Sql = sql`
  join task_body b on b.task_id = t.id
  left join assignment x on x.id = t.assignment_id
  left join agent a on a.id = x.agent_id
  left join task_result r on r.task_id = t.id`;

export interface TaskRow {
  readonly id: TaskId;
  readonly parentId: TaskId | null;
  readonly ref: string | null;
  readonly type: string;
  readonly title: string | null;
  readonly state: TaskState;
  readonly requirements: Requirements;
  readonly strategy: AssignmentStrategy;
  readonly priority: number;
  readonly deadline: Date | null;
  readonly notBefore: Date | null;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly dependsOn: readonly TaskId[];
  readonly hasOutputSchema: boolean;
  readonly outputSchema: unknown;
  readonly labels: readonly string[];
  readonly contexts: readonly ContextId[];
  readonly budget: BudgetCaps | null;
  readonly treeBudget: BudgetCaps | null;
  readonly attempt: number;
  readonly error: { readonly class: string; readonly message: string } | null;
  readonly progress: TaskProgress | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly assignmentId: AssignmentId | null;
  readonly fence: number | null;
  readonly assignedBy: AssignmentStrategy | null;
  readonly leaseUntil: Date | null;
  readonly agentId: AgentId | null;
  readonly agentName: string | null;
  readonly artifacts: readonly Artifact[] | null;
  readonly usage: Usage | null;
  readonly answerCount: number;
}

/** A row that was read with {@link inputColumns}. */
export interface AssignedTaskRow extends TaskRow {
  readonly hasInput: boolean;
  readonly input: unknown;
}

/** A row that was read with {@link heavyTaskColumns}. */
export interface WholeTaskRow extends AssignedTaskRow {
  readonly hasOutput: boolean;
  readonly output: unknown;
  readonly why: AssignmentWhy | null;
  /** Null where no question is pending; `question` is then an old one, or none. */
  readonly askedAt: Date | null;
  readonly question: string | null;
}

/** What belongs to a task and is read beside it. */
interface Beside {
  readonly answers?: readonly TaskAnswer[];
}

/** The task as lists show it. */
export function toListedTask(row: TaskRow): Task {
  return toTask(row, {});
}

/** The task with all that belongs to it. */
export function toWholeTask(row: WholeTaskRow, beside: Beside = {}): Task {
  return toTask(row, {
    ...beside,
    ...(row.askedAt !== null && row.question !== null && { question: toQuestion(row.question, row.askedAt) }),
    ...(row.hasInput && { input: row.input }),
    ...(row.hasOutput && { output: row.output }),
    ...(row.why !== null && { why: row.why }),
  });
}

/** The task as TASK_ASSIGN carries it: with its input, without the reasons of the assignment. */
export function toAssignedTask(row: AssignedTaskRow, beside: Beside = {}): Task {
  return toTask(row, { ...beside, ...(row.hasInput && { input: row.input }) });
}

/** A pending question as people see it. */
export function toQuestion(text: string, askedAt: Date): TaskQuestion {
  const { requestId: _, timeoutMs, ...question } = parseQuestion(text);
  const timeoutAt = timeoutOf({ timeoutMs }, askedAt);
  return { ...question, askedAt: askedAt.toISOString(), timeoutAt: timeoutAt.toISOString() };
}

function toTask(
  row: TaskRow,
  { why, ...heavy }: Beside & Pick<Task, "input" | "output" | "question"> & { readonly why?: AssignmentWhy },
): Task {
  const { capabilities, minLevel, tags, agent } = row.requirements;
  return {
    id: row.id,
    ...(row.parentId !== null && { parentId: row.parentId }),
    ...(row.ref !== null && { ref: row.ref }),
    type: row.type,
    ...(row.title !== null && { title: row.title }),
    state: row.state,
    ...heavy,
    requirements: { capabilities, minLevel, tags, ...(agent !== undefined && { agent }) },
    strategy: row.strategy,
    priority: row.priority,
    ...(row.deadline !== null && { deadline: row.deadline.toISOString() }),
    ...(row.notBefore !== null && { notBefore: row.notBefore.toISOString() }),
    maxAttempts: row.maxAttempts,
    timeoutMs: row.timeoutMs,
    dependsOn: row.dependsOn,
    ...(row.hasOutputSchema && { outputSchema: row.outputSchema }),
    labels: row.labels,
    ...(row.contexts.length > 0 && { contexts: row.contexts }),
    ...(row.budget !== null && { budget: row.budget }),
    ...(row.treeBudget !== null && { treeBudget: row.treeBudget }),
    attempt: row.attempt,
    ...toOutcome(row),
    ...toAssignment(row, why),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    ...(row.startedAt !== null && { startedAt: row.startedAt.toISOString() }),
    ...(row.finishedAt !== null && { finishedAt: row.finishedAt.toISOString() }),
  };
}

function toOutcome({ artifacts, error, progress, usage }: TaskRow): Partial<Task> {
  return {
    ...(artifacts !== null && { artifacts }),
    ...(error !== null && { error }),
    ...(progress !== null && { progress }),
    ...(usage !== null && { usage }),
  };
}

function toAssignment(row: TaskRow, why: AssignmentWhy | undefined): Partial<Task> {
  const { assignmentId, fence, assignedBy, leaseUntil, agentId, agentName } = row;
  if (assignmentId === null || fence === null || assignedBy === null) return {};
  return {
    ...(agentId !== null && agentName !== null && { assignedAgent: { id: agentId, name: agentName } }),
    assignment: {
      id: assignmentId,
      fence,
      strategy: assignedBy,
      ...(leaseUntil !== null && { leaseUntil: leaseUntil.toISOString() }),
      ...(why !== undefined && { why }),
    },
  };
}
