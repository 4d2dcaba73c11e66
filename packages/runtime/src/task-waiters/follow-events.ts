import { isFinal, type TaskEvent, type TaskId, type TenantId } from "@devmesh/models";
import { findStanding, type TaskStates } from "./task-standing.ts";
import type { TaskWatch } from "./task-waiters.ts";

/** What following a task's history stands on. */
export interface FollowEventsOptions {
  readonly reads: TaskStates & {
    /** In order of `seq`, from the one after `afterSeq` on. */
    events(tenantId: TenantId, taskId: TaskId, afterSeq: number, limit: number): Promise<readonly TaskEvent[]>;
  };
  readonly watch: TaskWatch;
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  /** Events up to this `seq` are left out. */
  readonly afterSeq: number;
  /** Ends it: the client is gone, or the service stops. */
  readonly signal: AbortSignal;
  readonly keepAliveMs: number;
}

/** Events read at a time: what a reader that is slow makes us keep. */
const eventsPerRead = 100;

/**
 * Yields a task's history, live, to its final state; `undefined` where nothing happened for `keepAliveMs`, so that the
 * reader can say that it lives.
 *
 * @throws AppError `not_found` for a task that the tenant does not have.
 */
export async function* followEvents(options: FollowEventsOptions): AsyncGenerator<TaskEvent | undefined, void> {
  const { reads, tenantId, taskId, signal } = options;
  let seq = options.afterSeq;
  while (!signal.aborted) {
    const events = await reads.events(tenantId, taskId, seq, eventsPerRead);
    yield* events;
    seq = events.at(-1)?.seq ?? seq;
    if (events.length === eventsPerRead) continue;
    const standing = await findStanding(reads, { tenantId, taskId });
    if (standing.eventSeq > seq) continue;
    if (isFinal(standing.state)) return;
    yield* waitForNews(options, seq);
  }
}

/** Yields `undefined` while there is nothing new. */
async function* waitForNews(
  { watch, signal, keepAliveMs }: FollowEventsOptions,
  seq: number,
): AsyncGenerator<undefined, void> {
  while (!signal.aborted && (watch.standing?.eventSeq ?? 0) <= seq) {
    const before = performance.now();
    await watch.changed(keepAliveMs, signal);
    if (performance.now() - before >= keepAliveMs) yield undefined;
  }
}
