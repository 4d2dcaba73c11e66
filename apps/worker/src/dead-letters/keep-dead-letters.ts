import type { Logger } from "@devmesh/observability";
import type { DeadMessages, OpenRedrive, RedriveCounts } from "@devmesh/repositories";
import { createNudge, type Nudge, runLoop, sleep } from "@devmesh/runtime";
import { type RunRedriveDeps, runRedrive, toScanDeps } from "./run-redrive.ts";
import { scanDeadLetters } from "./scan-dead-letters.ts";
import { sendClaimed } from "./send-claimed.ts";

export interface KeepDeadLettersDeps extends Omit<RunRedriveDeps, "alone" | "sending"> {
  readonly store: DeadMessages;
  /** Nudged when something was claimed, purged, or a job made or stopped. */
  readonly nudge: Nudge;
  /** Told how many there are. */
  readonly onCounted: (counts: { readonly tasks: number; readonly messages: number }) => void;
  readonly logger: Logger;
}

/** Without a nudge, and without a job under way. */
const idleMs = 60_000;
const busyMs = 1_000;
/** What SQS itself gave up is in the view after this at the latest. */
const scanEveryMs = 60_000;
/** Bulk redrives carried out at once; the others wait. */
const maxRunning = 10;

/** Redrives and purges what is asked for, and looks through the dead-letter queues, until `signal` aborts. One holder. */
export async function keepDeadLetters(given: KeepDeadLettersDeps, signal: AbortSignal): Promise<void> {
  const scanNudge = createNudge();
  const onRedriven = (counts: RedriveCounts): void => {
    given.onRedriven(counts);
    if (counts.done > 0) scanNudge.nudge();
  };
  const deps = { ...given, alone: oneAtATime(), sending: oneAtATime(), onRedriven, scanNudge };
  const running = new Map<string, Promise<void>>();
  const redriving = runLoop({
    name: "redrive dead letters",
    signal,
    logger: deps.logger,
    maxBackoffMs: 5_000,
    work: () => redriveTurn(deps, running, signal),
  });
  const scanning = runLoop({
    name: "scan dead letters",
    signal,
    logger: deps.logger,
    minBackoffMs: 1_000,
    work: async () => {
      const isComplete = await deps.alone(() => scanAll(deps, signal));
      deps.onCounted(await deps.store.count());
      if (isComplete) await scanNudge.wait(scanEveryMs, signal);
      // several redrives are one look, and a long bulk redrive is a look every second or two
      await sleep(busyMs, signal);
    },
  });
  await Promise.all([redriving, scanning]);
  await Promise.allSettled(running.values());
}

/** False where a queue held more than one scan takes. */
async function scanAll({ queues, store }: KeepDeadLettersDeps, signal: AbortSignal): Promise<boolean> {
  // one queue that is away does not hide the others
  const scans = await Promise.allSettled(queues.map((queue) => scanDeadLetters(toScanDeps(store, queue), signal)));
  const failed = scans.find((scan) => scan.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return scans.every((scan) => scan.status === "fulfilled" && scan.value.isComplete);
}

interface TurnDeps extends KeepDeadLettersDeps, RunRedriveDeps {
  readonly store: DeadMessages;
  readonly scanNudge: Nudge;
}

/** Sends what was claimed, and starts the jobs that are not under way. */
async function redriveTurn(deps: TurnDeps, running: Map<string, Promise<void>>, signal: AbortSignal): Promise<void> {
  const { claimed, purging, jobs } = await deps.store.findWork();
  if (purging) deps.scanNudge.nudge();
  if (jobs) await startJobs(deps, running, signal);
  if (claimed) return sendTurn(deps);
  await deps.nudge.wait(running.size > 0 ? busyMs : idleMs, signal);
}

async function sendTurn(deps: TurnDeps): Promise<void> {
  const { sent, failed, outage } = await deps.sending(() => sendClaimed(deps));
  deps.onRedriven({ done: sent, failed, skipped: 0 });
  if (outage !== undefined) throw outage;
}

async function startJobs(deps: TurnDeps, running: Map<string, Promise<void>>, signal: AbortSignal): Promise<void> {
  for (const redrive of await deps.redrives.list(maxRunning)) {
    const { id } = redrive.job;
    if (running.has(id)) continue;
    const ended = runUntilDone(redrive, deps, signal).finally(() => {
      running.delete(id);
      deps.nudge.nudge();
    });
    running.set(id, ended);
  }
}

async function runUntilDone(redrive: OpenRedrive, deps: RunRedriveDeps & { logger: Logger }, signal: AbortSignal) {
  try {
    await runRedrive(redrive, deps, signal);
  } catch (err) {
    if (signal.aborted) return;
    // it is taken up again where it stands
    deps.logger.warn({ err, jobId: redrive.job.id }, "bulk redrive interrupted");
    await sleep(busyMs, signal);
  }
}

/** Runs one after the other what must not run side by side. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}
