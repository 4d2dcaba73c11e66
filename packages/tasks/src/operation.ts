import type {
  AgentId,
  AnsweredBy,
  AppError,
  AskedQuestion,
  AssignmentId,
  FailureClass,
  RedriveOrder,
  TaskId,
  TaskState,
  TenantId,
} from "@devmesh/models";

/** What an agent says about an assignment. Who says it and which fence it holds stand beside. */
export type AgentWord =
  | { readonly kind: "accept" }
  | { readonly kind: "reject"; readonly reason: string }
  | {
      readonly kind: "progress";
      readonly percent?: number | undefined;
      readonly note?: string | undefined;
      readonly log?: readonly unknown[] | undefined;
    }
  | {
      readonly kind: "complete";
      /** JSON texts. */
      readonly output: string;
      readonly artifacts: string | undefined;
      readonly usage: string | undefined;
      /** Undefined until the output was held against the task's schema; then the validator's words, none if it fits. */
      readonly schemaProblems?: readonly unknown[] | undefined;
    }
  | {
      readonly kind: "fail";
      readonly class: FailureClass;
      readonly message: string;
      readonly retryAfterMs?: number | undefined;
      readonly usage: string | undefined;
    }
  | { readonly kind: "extend"; readonly leaseMs: number }
  | ({ readonly kind: "ask" } & AskedQuestion);

/** A frame from an agent about one of its assignments. */
export interface AgentOperation {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  readonly fence: number;
  readonly word: AgentWord;
}

/**
 * What happens to a task from elsewhere: a caller, the clock, another task.
 *
 * | kind | from |
 * |---|---|
 * | cancel | a caller |
 * | redrive | a caller: a failed task from the start again |
 * | wake | the sweep: the task's `wakeAt` has come |
 * | check | the sweep: the assignment's `checkAt` has come |
 * | answer | a person: the answer to the pending question |
 * | release | its agent was deregistered, revoked or drains |
 * | unblock | the last task it depends on was completed |
 * | dependency_failed | one of them can't be completed any more |
 * | reblock | a failed one of them runs again |
 */
export type MeshWord =
  | { readonly kind: "cancel"; readonly reason: string }
  | {
      readonly kind: "redrive";
      /** A dependency is not completed. */
      readonly blocked: boolean;
      /** A dependency that never will be. */
      readonly lostDependency?: TaskId | undefined;
      /** Whose word it is; the mesh's own, unforced, unless given. */
      readonly order?: RedriveOrder | undefined;
    }
  | { readonly kind: "wake" }
  | { readonly kind: "check" }
  | {
      readonly kind: "answer";
      /** JSON text. */
      readonly answer: string;
      readonly answeredBy: AnsweredBy;
      /** The question that was meant, where that is known. */
      readonly questionId?: string | undefined;
      /** What the validator said of it, and which question's schema it was held against. */
      readonly checked?: { readonly questionId: string; readonly problems: readonly unknown[] };
    }
  | { readonly kind: "release"; readonly agentId: AgentId; readonly offeredOnly: boolean; readonly reason: string }
  | { readonly kind: "unblock" }
  | { readonly kind: "dependency_failed"; readonly dependencyId: TaskId }
  | { readonly kind: "reblock" };

/** A word of the mesh itself about a task: of a timer, an operator, or a dead agent. */
export interface MeshOperation {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly word: MeshWord;
}

/** Anything that changes a task after its submission. */
export type Operation = AgentOperation | MeshOperation;

/** True for a frame of an agent, which names an assignment; the mesh's own words name a task. */
export function isAgentOperation(operation: Operation): operation is AgentOperation {
  return "assignmentId" in operation;
}

/** What became of an operation. A refusal is an expected outcome: nothing was changed. */
export type Outcome =
  | {
      readonly kind: "recorded";
      readonly taskId: TaskId;
      readonly taskState: TaskState;
      readonly leaseUntil: Date | undefined;
      readonly duplicate: boolean;
    }
  | { readonly kind: "refused"; readonly error: AppError }
  /** The output has to be held against the task's schema first: say it again with `schemaProblems`. */
  | { readonly kind: "needs_validation"; readonly taskId: TaskId }
  /** The answer has to be held against the question's schema first: say it again with `checked`. */
  | { readonly kind: "needs_check"; readonly question: AskedQuestion };
