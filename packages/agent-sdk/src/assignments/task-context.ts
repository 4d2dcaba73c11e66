import type { Clock } from "../clock.ts";
import type { Requests } from "../requests/requests.ts";
import type { Questions } from "./ask.ts";
import { type Assignment, fenceOf } from "./assignment.ts";
import { isStale } from "./assignment-error.ts";
import type { Delegations } from "./delegate.ts";
import type { TaskContext } from "./handler.ts";
import { noteRenewed } from "./lease-watchdog.ts";
import type { ProgressSender } from "./progress-sender.ts";

/** One hour is the most that the mesh grants. */
const maxLeaseMs = 3_600_000;

export interface TaskContextDeps {
  readonly clock: Clock;
  readonly requests: Requests;
  readonly progress: ProgressSender;
  readonly questions: Questions;
  readonly delegations: Delegations;
  /** Ends an assignment that is not this agent's any more. */
  readonly drop: (assignment: Assignment, error: Error) => void;
}

/** What a handler gets beside its task. */
export function createTaskContext(assignment: Assignment, deps: TaskContextDeps): TaskContext {
  const { progress, clock, questions, delegations } = deps;
  return {
    taskId: assignment.task.id,
    assignmentId: assignment.id as TaskContext["assignmentId"],
    fence: assignment.fence,
    attempt: assignment.task.attempt,
    traceparent: assignment.traceparent,
    signal: assignment.controller.signal,
    progress: (update) => progress.update(assignment, update),
    log: (line, level = "info") => progress.log(assignment, { at: clock.time(), level, line }),
    extend: (leaseMs) => onceAccepted(assignment, () => extend(assignment, leaseMs, deps)),
    ask: (question, options) => onceAccepted(assignment, () => questions.ask(assignment, question, options)),
    submit: (task, options) => onceAccepted(assignment, () => delegations.submit(assignment, task, options)),
    waitForChildren: (options) => onceAccepted(assignment, () => delegations.wait(assignment, options)),
    delegate: (tasks, options) => onceAccepted(assignment, () => delegations.delegate(assignment, tasks, options)),
  };
}

/** What only a recorded ACCEPT allows waits for it. */
async function onceAccepted<T>(assignment: Assignment, run: () => Promise<T>): Promise<T> {
  if (!assignment.isAccepted) await assignment.accepted;
  assignment.controller.signal.throwIfAborted();
  return run();
}

async function extend(
  assignment: Assignment,
  leaseMs: number,
  { clock, requests, drop }: TaskContextDeps,
): Promise<void> {
  assignment.controller.signal.throwIfAborted();
  try {
    await requests.send("TASK_EXTEND", { ...fenceOf(assignment), leaseMs }, { kind: "once" });
  } catch (error) {
    if (isStale(error)) drop(assignment, error);
    throw error;
  }
  if (assignment.lease !== undefined) noteRenewed(assignment.lease, clock.nowMs(), Math.min(leaseMs, maxLeaseMs));
}
