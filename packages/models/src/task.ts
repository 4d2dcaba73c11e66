import type { BudgetCaps } from "./caps.ts";
import type { AgentId, AssignmentId, ContextId, TaskId } from "./ids.ts";
import type { TaskAnswer, TaskQuestion } from "./question.ts";
import type { AssignmentStrategy } from "./requirements.ts";
import type { TaskState } from "./task-state.ts";

/** An agent by id and name. */
export interface AgentRef {
  readonly id: AgentId;
  readonly name: string;
}

/** What a task cost; money in integer micro-dollars. */
export interface Usage {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly costMicroUsd?: number | undefined;
  readonly model?: string | undefined;
}

/** A large result kept outside the task: a named context with its checksum. */
export interface Artifact {
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly sha256: string;
  readonly contextId: string;
}

/** The newest report of the agent. */
export interface TaskProgress {
  readonly percent?: number | undefined;
  readonly note?: string | undefined;
  readonly at: string;
}

/** One agent that was weighed: `reason` says why it was not taken and is absent on the chosen one. */
export interface WeighedCandidate {
  readonly agent: AgentRef;
  readonly score: number;
  readonly reason?: string;
}

/** Why this agent: the chosen one first, at most ten; agents that did not fit are counted by reason. */
export interface AssignmentWhy {
  readonly strategy: AssignmentStrategy;
  readonly candidates: readonly WeighedCandidate[];
  readonly passedOver: Readonly<Record<string, number>>;
}

/** Who holds a task, or held it last. */
export interface TaskAssignment {
  readonly id: AssignmentId;
  readonly fence: number;
  readonly strategy: AssignmentStrategy;
  /** Absent until the agent accepted. */
  readonly leaseUntil?: string;
  readonly why?: AssignmentWhy;
}

/** Why a task waits, as told to its submitter. */
export const unassignedReasons = [
  "no_agent",
  "disconnected",
  "unreachable",
  "capability",
  "level",
  "tags",
  "agent",
  "busy",
  "paused",
  "rejected",
  "score",
  "budget",
  "limit",
] as const;

/** One of {@link unassignedReasons}. */
export type UnassignedReason = (typeof unassignedReasons)[number];

/** Why nobody took a queued task, at the last look. */
export interface UnassignedBecause {
  readonly reason: UnassignedReason;
  /** Names what is missing. */
  readonly message: string;
}

/**
 * A task as every door shows it: what was submitted, with defaults filled in, and what became of it. Times are RFC 3339
 * UTC with milliseconds. Lists leave out `input`, `output` and `assignment.why`.
 */
export interface Task {
  readonly id: TaskId;
  readonly parentId?: TaskId;
  readonly ref?: string;
  readonly type: string;
  readonly title?: string;
  readonly state: TaskState;
  readonly input?: unknown;
  readonly requirements: {
    readonly capabilities: readonly string[];
    readonly minLevel: number;
    readonly tags: Readonly<Record<string, string>>;
    readonly agent?: string;
  };
  readonly strategy: AssignmentStrategy;
  readonly priority: number;
  readonly deadline?: string;
  readonly notBefore?: string;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly dependsOn: readonly TaskId[];
  readonly outputSchema?: unknown;
  readonly labels: readonly string[];
  /** Contexts to be read beside the input; absent where there are none. */
  readonly contexts?: readonly ContextId[];
  readonly attempt: number;
  readonly assignedAgent?: AgentRef;
  readonly output?: unknown;
  readonly artifacts?: readonly Artifact[];
  readonly error?: { readonly class: string; readonly message: string };
  readonly progress?: TaskProgress;
  readonly usage?: Usage;
  /** The caps that it was submitted with. */
  readonly budget?: BudgetCaps;
  readonly treeBudget?: BudgetCaps;
  /** While it is `waiting`: what a person is asked. Lists leave it out. */
  readonly question?: TaskQuestion;
  /** What people answered, oldest first; also given with TASK_ASSIGN. Lists leave it out. */
  readonly answers?: readonly TaskAnswer[];
  readonly assignment?: TaskAssignment;
  readonly unassignedBecause?: UnassignedBecause;
  /** Given with TASK_ASSIGN only: what the tasks it depends on resulted in. */
  readonly dependencies?: readonly { readonly id: TaskId; readonly ref?: string; readonly output: unknown }[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/** What can happen to a task, as its event log says it. */
export const taskEventTypes = [
  "task.created",
  "task.queued",
  "task.assigned",
  "task.accepted",
  "task.progress",
  "task.waiting",
  "task.answered",
  "task.rejected",
  "task.accept_expired",
  "task.lease_expired",
  "task.attempt_failed",
  "task.scheduled",
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.redriven",
] as const;

/** One of {@link taskEventTypes}. */
export type TaskEventType = (typeof taskEventTypes)[number];

/** One step of a task's history. `seq` rises by one per task, from 1. */
export interface TaskEvent {
  readonly seq: number;
  readonly type: TaskEventType;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}
