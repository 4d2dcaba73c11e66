import {
  AppError,
  type LaneId,
  type NewBudget,
  type NewTask,
  type Requirements,
  type Task,
  type TaskId,
  type TaskState,
  type TaskSubmission,
  type TenantId,
} from "@devmesh/models";

import { contextIdsOf } from "./check-contexts.ts";

/** How long a task of one priority less must have waited longer to come first: a minute a step. Judgement. */
const ageingStepMs = 60_000;

/** A submission on its way into the ledger. */
export interface Draft {
  readonly tenantId: TenantId;
  readonly id: TaskId;
  readonly submission: TaskSubmission;
  readonly dependsOn: readonly TaskId[];
  readonly requirements: Requirements;
  readonly laneId: LaneId;
  readonly parentId: TaskId | undefined;
  readonly depth: number;
  readonly traceparent: string | undefined;
  readonly budgets?: readonly NewBudget[];
}

/**
 * Decides where a task begins: failed where a dependency was lost already, blocked while one is open, scheduled before
 * its time, else queued.
 *
 * @param dependencies states of the tasks it depends on, locked; tasks of the same batch count as open.
 * @throws AppError `invalid_argument` when it depends on a task that does not exist, or its deadline has passed.
 */
export function toNewTask(draft: Draft, dependencies: ReadonlyMap<TaskId, TaskState>, now: Date): NewTask {
  const { submission } = draft;
  const unknown = draft.dependsOn.find((id) => !dependencies.has(id));
  if (unknown !== undefined) throw invalid("dependsOn", `no task ${unknown}`);
  const deadline = toDate(submission.deadline);
  if (deadline !== undefined && deadline <= now) throw invalid("deadline", `${submission.deadline} has passed`);
  const notBefore = toDate(submission.notBefore);
  const beginning = begin(draft, { dependencies, notBefore, now });
  return {
    tenantId: draft.tenantId,
    id: draft.id,
    type: submission.type,
    title: submission.title,
    ref: submission.ref,
    laneId: draft.laneId,
    requirements: draft.requirements,
    rank: now.getTime() - submission.priority * ageingStepMs,
    priority: submission.priority,
    strategy: submission.strategy,
    maxAttempts: submission.maxAttempts,
    timeoutMs: submission.timeoutMs,
    deadline,
    notBefore,
    wakeAt: wakeTime(beginning.state, deadline, notBefore),
    labels: submission.labels,
    dependsOn: draft.dependsOn,
    contexts: contextIdsOf(draft),
    parentId: draft.parentId,
    depth: draft.depth,
    traceparent: draft.traceparent,
    budget: submission.budget,
    treeBudget: submission.treeBudget,
    budgets: draft.budgets ?? [],
    input: submission.input === undefined ? undefined : JSON.stringify(submission.input),
    outputSchema: submission.outputSchema === undefined ? undefined : JSON.stringify(submission.outputSchema),
    ...beginning,
  };
}

/** The task as it is answered to its submitter. */
export function toFirstView(task: NewTask, submission: TaskSubmission, now: Date): Task {
  const { requirements } = task;
  const at = now.toISOString();
  return {
    id: task.id,
    ...(task.parentId !== undefined && { parentId: task.parentId }),
    ...(task.ref !== undefined && { ref: task.ref }),
    type: task.type,
    ...(task.title !== undefined && { title: task.title }),
    state: task.state,
    ...(submission.input !== undefined && { input: submission.input }),
    requirements: {
      capabilities: requirements.capabilities,
      minLevel: requirements.minLevel,
      tags: requirements.tags,
      ...(requirements.agent !== undefined && { agent: requirements.agent }),
    },
    strategy: task.strategy,
    priority: task.priority,
    ...(task.deadline !== undefined && { deadline: task.deadline.toISOString() }),
    ...(task.notBefore !== undefined && { notBefore: task.notBefore.toISOString() }),
    maxAttempts: task.maxAttempts,
    timeoutMs: task.timeoutMs,
    dependsOn: task.dependsOn,
    ...(submission.outputSchema !== undefined && { outputSchema: submission.outputSchema }),
    labels: task.labels,
    ...(task.contexts !== undefined && task.contexts.length > 0 && { contexts: task.contexts }),
    ...(submission.budget !== undefined && { budget: submission.budget }),
    ...(submission.treeBudget !== undefined && { treeBudget: submission.treeBudget }),
    attempt: 0,
    ...(task.error !== undefined && { error: JSON.parse(task.error) }),
    createdAt: at,
    updatedAt: at,
    ...(task.state === "failed" && { finishedAt: at }),
  };
}

function begin(
  draft: Draft,
  {
    dependencies,
    notBefore,
    now,
  }: { dependencies: ReadonlyMap<TaskId, TaskState>; notBefore: Date | undefined; now: Date },
): Pick<NewTask, "state" | "error"> {
  const lost = draft.dependsOn.find((id) => dependencies.get(id) === "failed" || dependencies.get(id) === "cancelled");
  if (lost !== undefined) {
    const message = `task ${lost}, which it depends on, was not completed`;
    return { state: "failed", error: JSON.stringify({ class: "dependency", message }) };
  }
  const isBlocked = draft.dependsOn.some((id) => dependencies.get(id) !== "completed");
  if (isBlocked) return { state: "blocked", error: undefined };
  return { state: notBefore !== undefined && notBefore > now ? "scheduled" : "queued", error: undefined };
}

function wakeTime(state: NewTask["state"], deadline: Date | undefined, notBefore: Date | undefined): Date | undefined {
  if (state === "failed") return undefined;
  if (state !== "scheduled" || notBefore === undefined) return deadline;
  return deadline !== undefined && deadline < notBefore ? deadline : notBefore;
}

function toDate(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}
