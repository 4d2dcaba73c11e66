import type { AgentId, AssignmentId, BudgetId, LaneId, LimitId, TaskId, TenantId } from "./ids.ts";

/** What a limit on concurrency counts: all of a tenant, one type of task, or one label. */
export const limitKinds = ["tenant", "type", "label"] as const;
/** One of {@link limitKinds}. */
export type LimitKind = (typeof limitKinds)[number];

/** Which tasks a limit counts. `value` is the type or the label, and empty for the tenant. */
export interface LimitRule {
  readonly id: LimitId;
  readonly tenantId: TenantId;
  readonly kind: LimitKind;
  readonly value: string;
}

/** A limit with its figures, locked or just read. */
export interface LimitStanding extends LimitRule {
  readonly maxInFlight: number;
  readonly inFlight: number;
}

/** What a budget counts in. Tokens are those of input and output together. */
export const budgetUnits = ["micro_usd", "tokens"] as const;
/** One of {@link budgetUnits}. */
export type BudgetUnit = (typeof budgetUnits)[number];

/** Whose spending a budget caps; `tree`: a task and all that is delegated from it. */
export const budgetScopes = ["tenant", "agent", "task", "tree"] as const;
/** One of {@link budgetScopes}. */
export type BudgetScope = (typeof budgetScopes)[number];

/** When a budget begins anew, by the calendar of UTC. */
export const budgetPeriods = ["total", "day", "month"] as const;
/** One of {@link budgetPeriods}. */
export type BudgetPeriod = (typeof budgetPeriods)[number];

/** A budget with its figures; `spent` is that of the running window. */
export interface BudgetStanding {
  readonly id: BudgetId;
  readonly tenantId: TenantId;
  readonly scope: BudgetScope;
  readonly subjectId: AgentId | TaskId | undefined;
  readonly unit: BudgetUnit;
  readonly cap: number;
  readonly spent: number;
  readonly reserved: number;
}

/** Caps that come with a submission. */
export interface BudgetCaps {
  readonly costMicroUsd?: number | undefined;
  readonly tokens?: number | undefined;
}

/** A budget as a task brings it along. */
export interface NewBudget {
  readonly tenantId: TenantId;
  readonly id: BudgetId;
  readonly scope: Extract<BudgetScope, "task" | "tree">;
  readonly taskId: TaskId;
  readonly unit: BudgetUnit;
  readonly cap: number;
}

/** What an assignment holds back of a budget until it ends. */
export interface Reservation {
  readonly budgetId: BudgetId;
  readonly unit: BudgetUnit;
  readonly amount: number;
}

/** What a queued task is capped by, beside the budgets of its tenant and of the agent. */
export interface TaskSubject {
  readonly taskId: TaskId;
  readonly type: string;
  readonly labels: readonly string[];
  readonly budgetIds: readonly BudgetId[];
  /** The limits of the lane that it stands in. */
  readonly laneLimitIds: readonly LimitId[];
}

/** What a new assignment counts in and holds back. */
export interface CapHold {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
  readonly limitIds: readonly LimitId[];
  readonly reservations: readonly Reservation[];
}

/** A task that a budget has no room for: queued, but out of its lane until there is. */
export interface ParkedTask {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly budgetId: BudgetId;
  /** Also looked at again without room: another agent may take it then. */
  readonly retryAfterMs: number | undefined;
}

/** A task and the lane that it belongs to by now. */
export interface LaneMove {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly laneId: LaneId;
}

/** True where a budget with nothing left lets nothing more be assigned. */
export function isExhausted({ cap, spent, reserved }: Pick<BudgetStanding, "cap" | "spent" | "reserved">): boolean {
  return spent + reserved >= cap;
}

/**
 * The limits that a task is subject to, in the order of their ids, each once. `limits` may hold those of several tenants.
 */
export function limitsOf(
  limits: readonly LimitRule[],
  task: { readonly tenantId: TenantId; readonly type: string; readonly labels: readonly string[] },
): readonly LimitId[] {
  const counts = ({ tenantId, kind, value }: LimitRule): boolean =>
    tenantId === task.tenantId &&
    (kind === "tenant" || (kind === "type" ? value === task.type : task.labels.includes(value)));
  return [...new Set(limits.filter(counts).map(({ id }) => id))].sort();
}
