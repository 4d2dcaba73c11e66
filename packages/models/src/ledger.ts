import type { AgentId, AssignmentId, LaneId, TaskId, TenantId } from "./ids.ts";
import type { TaskEventType } from "./task.ts";
import { type AssignmentState, isOpen, type TaskState } from "./task-state.ts";

/** One try of a task, as locked for a decision. */
export interface LedgerAssignment {
  readonly id: AssignmentId;
  readonly agentId: AgentId;
  readonly fence: number;
  readonly state: AssignmentState;
  readonly leaseMs: number;
  readonly acceptUntil: Date;
  /** Set by ACCEPT and kept after the end: its presence says that the assignment was accepted. */
  readonly leaseUntil: Date | undefined;
  readonly attemptUntil: Date | undefined;
  /** When the sweep looks at it; never later than the next of the three times above. */
  readonly checkAt: Date;
  readonly schemaFailures: number;
  readonly endReason: string | undefined;
  /** JSON text. */
  readonly usage: string | undefined;
}

/**
 * A task with one of its assignments, locked: what every decision starts from and what it gives back, changed. For a
 * frame about an assignment it is that one, ended or not; for the others the open one, if any.
 */
export interface LedgerEntry {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly state: TaskState;
  readonly attempt: number;
  /** Tries that ended and count against `maxAttempts`. */
  readonly counted: number;
  /** Tries in a row that do not. */
  readonly uncounted: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly fence: number;
  /** The number of its latest event. */
  readonly eventSeq: number;
  readonly laneId: LaneId;
  readonly rejectedBy: readonly AgentId[];
  /** Agents that let it lie, and until when each is passed over. */
  readonly passedOver: readonly PassedOverAgent[];
  readonly deadline: Date | undefined;
  readonly notBefore: Date | undefined;
  readonly wakeAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** JSON text of `{class, message}`. */
  readonly error: string | undefined;
  /** JSON text of `{percent?, note?, at}`. */
  readonly progress: string | undefined;
  readonly hasOutputSchema: boolean;
  /** False where the entry shows an assignment that is not the task's latest. */
  readonly holdsCurrentAssignment: boolean;
  readonly assignment: LedgerAssignment | undefined;
}

/** An agent that is not offered a task for a while. */
export interface PassedOverAgent {
  readonly agentId: AgentId;
  readonly until: Date;
}

/** An event to be appended to the task's history. */
export interface NewEvent {
  readonly type: TaskEventType;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The one result of a task. All three are JSON texts. */
export interface NewResult {
  readonly assignmentId: AssignmentId;
  readonly output: string;
  readonly artifacts: string | undefined;
  readonly usage: string | undefined;
}

/** A frame that must reach the agent that holds, or held, the assignment. */
export interface CancelNotice {
  readonly agentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly fence: number;
  readonly reason: string;
}

/** What one or several decisions in a row make of a task; written as a whole, guarded by the state it started from. */
export interface LedgerChange {
  readonly before: LedgerEntry;
  readonly after: LedgerEntry;
  readonly events: readonly NewEvent[];
  readonly result: NewResult | undefined;
  readonly notices: readonly CancelNotice[];
  /** The agents that must not be offered the task in its next lane; undefined where the lane stays. */
  readonly excluded: readonly AgentId[] | undefined;
}

/** True where a change ends the assignment that held a slot. */
export function freesSlot({ before, after }: Pick<LedgerChange, "before" | "after">): boolean {
  const held = before.assignment !== undefined && isOpen(before.assignment.state);
  return held && (after.assignment === undefined || !isOpen(after.assignment.state));
}
