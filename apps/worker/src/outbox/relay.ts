import type { FailedMessage, SqsQueue } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { CounterMetric, Logger } from "@devmesh/observability";
import { type Nudge, runLoop, sleep } from "@devmesh/runtime";
import { type TaskRef, takeTurns } from "@devmesh/tasks";
import { toTaskMessage } from "../queue/consume-tasks.ts";

/** The outbox, as the relay needs it. */
export interface RelayOutbox {
  /** Whether there are events to read: one statement, for those who were not nudged. */
  hasEvents(): Promise<boolean>;
  relay(limit: number): Promise<{
    readonly events: number;
    readonly more: boolean;
    /** There are events that can be read only when a transaction has ended that is open now. */
    readonly isWaiting: boolean;
    readonly tenantIds: readonly TenantId[];
    readonly toDispatch: readonly TaskRef[];
  }>;
}

export interface RelayDeps {
  readonly outbox: RelayOutbox;
  readonly queue: Pick<SqsQueue, "sendBatch">;
  /** Nudged when there may be new events. */
  readonly nudge: Nudge;
  /** Told whose new events can be read now. */
  readonly onReadable: (tenantIds: readonly TenantId[]) => void;
  readonly logger: Logger;
  readonly read: CounterMetric<never>;
  readonly sent: CounterMetric<"outcome">;
}

/** Events read in one statement. */
const perRound = 5_000;
/** How long new events gather before they are read, and how soon those are looked at again that could not be read yet. */
const gatherMs = 50;
/** Without a nudge the relay looks as often as this. */
const idleMs = 30_000;

/**
 * Reads events and sends messages about queued tasks, until `signal` aborts; it never rejects. Run by one holder at a
 * time.
 *
 * What SQS doesn't take is not sent again: the task is in its lane, where the sweep and every freed slot look.
 */
export async function relayEvents(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const { outbox, nudge, logger } = deps;
  let isNudged = false;
  await runLoop({
    name: "relay events",
    signal,
    logger,
    maxBackoffMs: 5_000,
    work: async () => {
      const isWaiting = (isNudged || (await outbox.hasEvents())) && (await drainOutbox(deps, signal));
      isNudged = isWaiting || (await nudge.wait(idleMs, signal));
      await sleep(gatherMs, signal);
    },
  });
}

/** True when there are events that can't be read yet. */
async function drainOutbox(deps: RelayDeps, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const round = await deps.outbox.relay(perRound);
    deps.read.inc(round.events);
    if (round.events > 0) deps.onReadable(round.tenantIds);
    await dispatch(deps, round.toDispatch);
    if (!round.more) return round.isWaiting;
  }
  return false;
}

async function dispatch({ queue, logger, sent }: RelayDeps, refs: readonly TaskRef[]): Promise<void> {
  if (refs.length === 0) return;
  const messages = takeTurns(refs, ({ tenantId }) => tenantId).map((ref, index) => ({
    id: String(index),
    body: toTaskMessage(ref),
  }));
  const failed: readonly FailedMessage[] = await queue.sendBatch(messages);
  sent.inc({ outcome: "sent" }, messages.length - failed.length);
  sent.inc({ outcome: "failed" }, failed.length);
  const err = failed[0]?.error;
  if (err !== undefined) logger.warn({ err, messages: failed.length }, "task messages not sent");
}
