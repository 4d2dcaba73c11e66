import type { HintSender } from "@devmesh/adapters";
import type { MailReceiver } from "@devmesh/agents";
import type { CounterMetric, Logger } from "@devmesh/observability";
import { type Nudge, runLoop, sleep } from "@devmesh/runtime";

/** Events, as the fan-out needs them. */
export interface FanOutStore {
  fanOut(limit: number): Promise<{ readonly events: number; readonly receivers: readonly MailReceiver[] } | undefined>;
}

export interface FanOutDeps {
  readonly events: FanOutStore;
  /** Tells the nodes of agents that have mail. */
  readonly tell: HintSender["assigned"];
  /** Nudged when there are new events that can be read. */
  readonly nudge: Nudge;
  readonly logger: Logger;
  readonly delivered: CounterMetric<never>;
}

/** Events of one tenant in one transaction. Judgement. */
const perRound = 200;
/** How long events gather. */
const gatherMs = 50;
/** Without a nudge it looks as often as this: the relay that nudges is in the same process. */
const idleMs = 60_000;

/**
 * Puts events into the mailboxes of their durable subscribers, until `signal` aborts. Run by one holder at a time, for the
 * sake of speed: two would wait for each other.
 */
export function fanOutEvents(deps: FanOutDeps, signal: AbortSignal): Promise<void> {
  const { nudge, logger } = deps;
  return runLoop({
    name: "fan out events",
    signal,
    logger,
    maxBackoffMs: 5_000,
    work: async () => {
      await fanOutAll(deps, signal);
      await nudge.wait(idleMs, signal);
      await sleep(gatherMs, signal);
    },
  });
}

async function fanOutAll({ events, tell, delivered }: FanOutDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const done = await events.fanOut(perRound);
    if (done === undefined) return;
    delivered.inc(done.events);
    tell(done.receivers);
  }
}
