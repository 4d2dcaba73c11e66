import type { BudgetCaps, NewBudget } from "./caps.ts";
import type { ApiKeyId, ContextId, LaneId, TaskId, TenantId } from "./ids.ts";
import type { AssignmentStrategy, Requirements } from "./requirements.ts";
import type { TaskState } from "./task-state.ts";

/** A task as it is first written. */
export interface NewTask {
  readonly tenantId: TenantId;
  readonly id: TaskId;
  readonly type: string;
  readonly title: string | undefined;
  readonly ref: string | undefined;
  readonly state: Extract<TaskState, "blocked" | "scheduled" | "queued" | "failed">;
  readonly laneId: LaneId;
  readonly requirements: Requirements;
  readonly rank: number;
  readonly priority: number;
  readonly strategy: AssignmentStrategy;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly deadline: Date | undefined;
  readonly notBefore: Date | undefined;
  readonly wakeAt: Date | undefined;
  readonly labels: readonly string[];
  readonly dependsOn: readonly TaskId[];
  readonly contexts?: readonly ContextId[];
  readonly parentId: TaskId | undefined;
  /** 0 where nobody delegated it, else one more than its parent's. */
  readonly depth: number;
  readonly traceparent: string | undefined;
  /** The caps that it was submitted with, and the budgets that they make. */
  readonly budget?: BudgetCaps | undefined;
  readonly treeBudget?: BudgetCaps | undefined;
  readonly budgets?: readonly NewBudget[];
  /** JSON texts. */
  readonly input: string | undefined;
  readonly outputSchema: string | undefined;
  readonly error: string | undefined;
}

/** The claim of an `Idempotency-Key`, written with the first result. */
export interface IdempotencyClaim {
  readonly tenantId: TenantId;
  /** Who uses the key: keys of different principals never meet. */
  readonly principalId: ApiKeyId;
  readonly operation: string;
  readonly key: string;
  /** SHA-256 of the body as canonical JSON, in hex. */
  readonly bodyHash: string;
  /** JSON text of the first result. */
  readonly response: string;
}

/** What an earlier use of the key left behind. */
export interface IdempotencyRecord {
  readonly tenantId: TenantId;
  readonly principalId: ApiKeyId;
  readonly operation: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly response: unknown;
}
