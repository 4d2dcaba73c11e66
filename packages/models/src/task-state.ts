/** Every state of a task, in the order of its life. */
export const taskStates = [
  "blocked",
  "scheduled",
  "queued",
  "assigned",
  "running",
  "waiting",
  "completed",
  "failed",
  "cancelled",
] as const;

/** One of {@link taskStates}. */
export type TaskState = (typeof taskStates)[number];

/**
 * Where each state may go. `queued → blocked` and the like do not exist: what is not in this table can't happen, and
 * the store's guards are generated from it.
 *
 * | from | to |
 * |---|---|
 * | blocked | its dependencies are done; or it was cancelled, a dependency failed, its deadline passed |
 * | scheduled | its time came; or cancelled, deadline |
 * | queued | an agent was found; or cancelled, deadline |
 * | assigned | accepted; or given back, to be retried later, ended |
 * | running | finished in any way, asks a person, given back, to be retried later |
 * | waiting | answered; or given back, ended |
 * | failed | a redrive |
 */
export const taskTransitions: Readonly<Record<TaskState, readonly TaskState[]>> = {
  blocked: ["queued", "scheduled", "cancelled", "failed"],
  scheduled: ["queued", "cancelled", "failed"],
  queued: ["assigned", "cancelled", "failed"],
  assigned: ["running", "queued", "scheduled", "cancelled", "failed"],
  running: ["waiting", "completed", "queued", "scheduled", "cancelled", "failed"],
  waiting: ["running", "queued", "scheduled", "cancelled", "failed"],
  completed: [],
  failed: ["queued", "blocked"],
  cancelled: [],
};

/** True where the task has ended; only a redrive leads out of `failed`. */
export function isFinal(state: TaskState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** True where {@link taskTransitions} has the step; staying is no step. */
export function canTransition(from: TaskState, to: TaskState): boolean {
  return taskTransitions[from].includes(to);
}

/**
 * The states of one assignment. The first three are open and hold a slot of the agent; the others are ends, each of
 * which is written once.
 */
export const assignmentStates = [
  "offered",
  "running",
  "waiting",
  "completed",
  "failed",
  "rejected",
  "accept_expired",
  "lease_expired",
  "timed_out",
  "released",
  "cancelled",
] as const;

/** One of {@link assignmentStates}. */
export type AssignmentState = (typeof assignmentStates)[number];

/** True while the agent holds the assignment, and a slot with it. */
export function isOpen(state: AssignmentState): boolean {
  return state === "offered" || state === "running" || state === "waiting";
}

/** Why an agent failed: worth another try, worth one later that is not counted, or never to be tried again. */
export const failureClasses = ["retryable", "rate_limited", "permanent"] as const;

/** One of {@link failureClasses}. */
export type FailureClass = (typeof failureClasses)[number];
