import type { FailedMessage, SqsQueue } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import type { CounterMetric, Logger } from "@devmesh/observability";
import { type Nudge, runLoop, sleep } from "@devmesh/runtime";
import { type TaskRef, takeTurns } from "@devmesh/tasks";
import { toTaskMessage } from "../queue/consume-tasks.ts";

/** The outbox, as the relay needs it. */
export interface RelayOutbox {
  /** Whether there are events to number: one statement, for those who were not nudged. */
  hasUnnumbered(): Promise<boolean>;
  numberEvents(limit: number): Promise<{
    readonly numbered: number;
    /** Some tenant may have more. */
    readonly more: boolean;
    readonly tenantIds: readonly TenantId[];
    readonly toDispatch: readonly TaskRef[];
  }>;
}

export interface RelayDeps {
  readonly outbox: RelayOutbox;
  readonly queue: Pick<SqsQueue, "sendBatch">;
  /** Nudged when there may be new events. */
  readonly nudge: Nudge;
  /** Told whose events have their place now. */
  readonly onNumbered: (tenantIds: readonly TenantId[]) => void;
  readonly logger: Logger;
  readonly numbered: CounterMetric<never>;
  readonly sent: CounterMetric<"outcome">;
}

/** Events numbered in one transaction. Judgement: some 20 ms of Postgres's time. */
const perRound = 500;
/** How long new events gather before they are numbered: numbering one by one would cost as many commits as the work. */
const gatherMs = 50;
/** Without a nudge the relay looks as often as this. */
const idleMs = 30_000;

/**
 * Numbers events and sends messages about queued tasks, until `signal` aborts; it never rejects. Run by one holder at a
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
      if (isNudged || (await outbox.hasUnnumbered())) await drainOutbox(deps, signal);
      isNudged = await nudge.wait(idleMs, signal);
      await sleep(gatherMs, signal);
    },
  });
}

async function drainOutbox(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  for (let more = true; more && !signal.aborted; ) {
    const round = await deps.outbox.numberEvents(perRound);
    const { numbered } = round;
    more = round.more;
    deps.numbered.inc(numbered);
    if (numbered > 0) deps.onNumbered(round.tenantIds);
    await dispatch(deps, round.toDispatch);
  }
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
