import type { AgentId, AssignmentId, TaskId } from "./ids.ts";
import type { TaskState } from "./task-state.ts";

/** How deep tasks may be delegated unless it is said otherwise: a task that nobody delegated has the depth 0. */
export const defaultMaxDepth = 8;

/**
 * The most open assignments of one agent, those that gave up their slots included: past it none yields. Half of what HELLO
 * may name in `holding`.
 */
export const maxOpenAssignments = 5_000;

/** What the children of a task inherit, its deadline aside, and what bounds a delegation. */
export interface Heritage {
  readonly depth: number;
  readonly labels: readonly string[];
  readonly traceparent: string | undefined;
  /** Open assignments of the agent that delegates, counted as far as {@link maxOpenAssignments}. */
  readonly openAssignments: number;
}

/** Who delegates a task: an agent, from an assignment that it works on. */
export interface Delegation {
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  /** The assignment takes no slot, and its clock stands still, until all children of its task are final. */
  readonly yieldSlot: boolean;
}

/** What became of a task that was delegated. */
export interface ChildResult {
  readonly taskId: TaskId;
  readonly ref: string | undefined;
  readonly type: string;
  readonly state: TaskState;
  /** JSON text; undefined where there is none, and where it is too large to be told along. */
  readonly output: string | undefined;
  /** JSON text of `{class, message}`. */
  readonly error: string | undefined;
}
