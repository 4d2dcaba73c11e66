import { nobodysTenant } from "@devmesh/models";
import type { OpenRedrive, OpenRedrives, RedriveCounts } from "@devmesh/repositories";
import { sleep } from "@devmesh/runtime";
import type { WorkerQueue } from "../queue/open-queue.ts";
import { type MoveDeps, moveMessages } from "./move-messages.ts";
import { type RedriveLettersDeps, redriveLetters } from "./redrive-letters.ts";
import type { ScanDeps } from "./scan-dead-letters.ts";
import { sendClaimed } from "./send-claimed.ts";

/** A queue whose dead letters are kept. */
export type KeptQueue = Pick<WorkerQueue, "name" | "sendBatch" | "deadLetters" | "moves"> & Pick<ScanDeps, "onMoved">;

export interface RunRedriveDeps extends Omit<RedriveLettersDeps, "store" | "queues"> {
  readonly store: RedriveLettersDeps["store"] & ScanDeps["store"];
  readonly queues: readonly KeptQueue[];
  readonly redrives: OpenRedrives;
  /** Runs what wants the dead-letter queue for itself. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** Runs what claims and sends: what one has claimed, no other sends. */
  readonly sending: <T>(work: () => Promise<T>) => Promise<T>;
  /** Milliseconds of a clock that only rises. */
  readonly now: () => number;
  /** Told of what became of some dead letters. */
  readonly onRedriven: (counts: RedriveCounts) => void;
}

/** A stop is seen within this. */
const maxPauseMs = 500;
/** Turns are no shorter than this: at high rates several are handled together. */
const minPauseMs = 100;
/** In one turn. */
const maxLetters = 250;

/**
 * Carries a bulk redrive out, or on where another process left it, until it is done, stopped, or `signal` aborts. A whole
 * dead-letter queue is moved by SQS itself where it can be.
 */
export async function runRedrive(redrive: OpenRedrive, deps: RunRedriveDeps, signal: AbortSignal): Promise<void> {
  const state = await deps.redrives.begin(redrive.job.id);
  const whole = deps.queues.find(({ name }) => isWholeQueue(redrive, name));
  if (whole !== undefined) {
    const moved = await deps.alone(() => moveMessages(redrive, toMoveDeps(deps, whole), signal));
    if (moved === "ended") return;
  }
  if (state !== "running") return deps.redrives.finish(redrive.job.id, "stopped");
  const { outage } = await deps.sending(() => sendClaimed(deps));
  if (outage !== undefined) throw outage;
  await redriveOneByOne(redrive, deps, signal);
}

/** True for all messages of the queue, of whomever: a filter that names it and nothing else, by one who sees nobody's. */
export function isWholeQueue({ job: { filter }, tenants }: OpenRedrive, queueName: string): boolean {
  const { queue, kind = "message", ...more } = filter;
  const isNarrowed = Object.values(more).some((value) => value !== undefined);
  return queue === queueName && kind === "message" && !isNarrowed && tenants.includes(nobodysTenant);
}

function toMoveDeps({ store, redrives }: RunRedriveDeps, queue: KeptQueue): MoveDeps {
  return { ...toScanDeps(store, queue), redrives, moves: queue.moves };
}

/** What looking through the dead letters of one queue needs. */
export function toScanDeps(
  store: ScanDeps["store"],
  { name, deadLetters, onMoved }: Pick<KeptQueue, "name" | "deadLetters" | "onMoved">,
): ScanDeps {
  return { store, deadLetters, queueName: name, onMoved };
}

async function redriveOneByOne(redrive: OpenRedrive, deps: RunRedriveDeps, signal: AbortSignal): Promise<void> {
  const { id, ratePerSecond } = redrive.job;
  const pauseMs = Math.min(maxPauseMs, Math.max(minPauseMs, 1_000 / ratePerSecond));
  let { cursor } = redrive;
  let allowed = 1;
  let allowedAt = deps.now();
  while (!signal.aborted) {
    const limit = Math.min(maxLetters, Math.floor(allowed));
    const letters = limit < 1 ? undefined : await deps.redrives.next({ ...redrive, cursor }, limit);
    if (letters?.length === 0) return deps.redrives.finish(id, "completed");
    const counts = letters === undefined ? none : await deps.sending(() => redriveLetters(letters, redrive, deps));
    const last = letters?.at(-1);
    if (last !== undefined) cursor = { at: last.failedAt, id: last.id };
    deps.onRedriven(counts);
    const state = await deps.redrives.advance(id, counts, cursor);
    if (state !== "running") return deps.redrives.finish(id, "stopped");
    await sleep(pauseMs, signal);
    const now = deps.now();
    const gained = ((now - allowedAt) * ratePerSecond) / 1_000;
    // what a slow turn left undone is made good, but half a second's worth at most
    allowed = Math.min(Math.max(1, ratePerSecond / 2), allowed - (letters?.length ?? 0) + gained);
    allowedAt = now;
  }
}

const none: RedriveCounts = { done: 0, failed: 0, skipped: 0 };
