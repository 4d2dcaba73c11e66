import { type AwaitedTask, findStanding, type TaskStanding, type TaskStates } from "./task-standing.ts";
import type { TaskWaiters } from "./task-waiters.ts";

/** How long is waited for a task, and for what. */
export interface TaskWait {
  readonly timeoutMs: number;
  /** True where nothing more is waited for. */
  readonly isDone: (standing: TaskStanding) => boolean;
  /** Told of each step that is heard of while waiting; steps that follow quickly may come as one. */
  readonly onStep?: (standing: TaskStanding) => void;
  readonly signal: AbortSignal;
}

/**
 * Waits until a task stands as asked, until the time is over, or until `signal` aborts; gives what was last heard of it.
 * With a time of 0 it is looked at once.
 *
 * @throws AppError `not_found`; `resource_exhausted` where too many wait already.
 */
export async function waitForTask(
  { reads, waiters }: { readonly reads: TaskStates; readonly waiters: Pick<TaskWaiters, "watch"> },
  ref: AwaitedTask,
  { timeoutMs, isDone, onStep, signal }: TaskWait,
): Promise<TaskStanding> {
  const until = performance.now() + timeoutMs;
  // watched before the first look: what changes between the two is heard
  using watch = timeoutMs === 0 ? undefined : waiters.watch(ref);
  let latest = await findStanding(reads, ref);
  while (watch !== undefined && !isDone(latest) && !signal.aborted) {
    const leftMs = Math.ceil(until - performance.now());
    if (leftMs <= 0) break;
    await watch.changed(leftMs, signal);
    // the watch may know an older state than the look found
    const { standing } = watch;
    if (standing === undefined || standing.eventSeq <= latest.eventSeq) continue;
    latest = standing;
    onStep?.(latest);
  }
  return latest;
}
