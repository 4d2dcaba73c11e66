import type { RedriveOrder } from "./dead-letter.ts";
import type { AgentId, AssignmentId, LaneId, TaskId, TenantId } from "./ids.ts";
import type { NewAnswer } from "./question.ts";
import type { TaskEventType } from "./task.ts";
import { type AssignmentState, isOpen, type TaskState } from "./task-state.ts";

/**
 * Whether an open assignment takes one of its agent's slots: it does (`held`), it gave the slot up while its children
 * run (`yielded`), or they are final and it waits for a slot to go on (`awaited`).
 */
export type SlotUse = "held" | "yielded" | "awaited";

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
  readonly slot: SlotUse;
  /** JSON text of the latest question; it is pending while `askedAt` is set. */
  readonly question: string | undefined;
  /** When the pending question was asked. */
  readonly askedAt: Date | undefined;
  /** What was left of the attempt's time when its clock was stopped; undefined while it runs. */
  readonly attemptLeftMs: number | undefined;
  /** Limits count it or budgets hold something back for it, until it ends. */
  readonly isCapped: boolean;
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
  /** The task that it was delegated from. */
  readonly parentId: TaskId | undefined;
  readonly state: TaskState;
  readonly attempt: number;
  /** Tries that ended and count against `maxAttempts`. */
  readonly counted: number;
  /** Tries in a row that do not. */
  readonly uncounted: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly fence: number;
  /** How often it was redriven on demand. */
  readonly redrives: number;
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
  /** How many of its questions were answered. */
  readonly answerCount: number;
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

/** A TASK_CANCEL for the agent that holds, or held, the assignment. */
export interface CancelNotice {
  readonly kind: "cancel";
  readonly agentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly fence: number;
  readonly reason: string;
}

/** A MESSAGE of the mesh to the agent that holds the assignment. */
export interface MessageNotice {
  readonly kind: "message";
  readonly agentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly messageId: string;
  readonly messageKind: "task.answer" | "task.children";
  /** JSON text. */
  readonly content: string;
  readonly sentAt: Date;
}

/** A frame that must reach an agent. */
export type Notice = CancelNotice | MessageNotice;

/** What one or several decisions in a row make of a task; written as a whole, guarded by the state it started from. */
export interface LedgerChange {
  readonly before: LedgerEntry;
  readonly after: LedgerEntry;
  readonly events: readonly NewEvent[];
  readonly result: NewResult | undefined;
  /** Answers that its questions got. */
  readonly answers?: readonly NewAnswer[];
  readonly notices: readonly Notice[];
  /** The agents that must not be offered the task in its next lane; undefined where the lane stays. */
  readonly excluded: readonly AgentId[] | undefined;
  /** Who had it redriven; undefined where nobody asked for it. */
  readonly redrive?: RedriveOrder | undefined;
}

/** True while an assignment takes one of its agent's slots. */
export function holdsSlot(assignment: Pick<LedgerAssignment, "state" | "slot"> | undefined): boolean {
  return assignment !== undefined && isOpen(assignment.state) && assignment.slot === "held";
}

/** True while an assignment waits for a slot to go on with what its children gave. */
export function awaitsSlot(assignment: Pick<LedgerAssignment, "state" | "slot"> | undefined): boolean {
  return assignment !== undefined && isOpen(assignment.state) && assignment.slot === "awaited";
}

/** True while new tasks can't have the place of an assignment: it holds a slot, or one is kept free for it. */
export function keepsRoom(assignment: Pick<LedgerAssignment, "state" | "slot"> | undefined): boolean {
  return assignment !== undefined && isOpen(assignment.state) && assignment.slot !== "yielded";
}

/** True where a change gives up a slot that was held: the assignment has ended, or has yielded it. */
export function freesSlot({ before, after }: Pick<LedgerChange, "before" | "after">): boolean {
  return holdsSlot(before.assignment) && !holdsSlot(after.assignment);
}
