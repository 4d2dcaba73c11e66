import { percentile } from "../figures.ts";
import { assertDone, finish, submitAll, submitAtRate } from "./load.ts";
import type { OpenPeer } from "./peer.ts";
import { type PeerName, peers } from "./peers.ts";
import type { Sizes } from "./sizes.ts";
import { openWorkers, type Started, type Workers } from "./workers.ts";

/** Submit to the handler's start, in milliseconds. */
export interface Pickup {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What was measured of one peer in one round; what was not asked for is absent. */
export interface Measured {
  /** Tasks a second, from the first start to the last recorded result. */
  readonly closedLoop?: number;
  /** The same with the time that submitting took. */
  readonly closedLoopWithSubmit?: number;
  /** By tasks a second. */
  readonly pickupMs?: Readonly<Record<string, Pickup>>;
  /** Claims a second, by backlog. */
  readonly claims?: Readonly<Record<string, number>>;
}

/** One round of one peer, with stores of its own: warm-up, then what is asked for. */
export async function measurePeer(name: PeerName, parts: ReadonlySet<string>, sizes: Sizes): Promise<Measured> {
  await using peer = await peers[name].open();
  await using workers = openWorkers(name, peer.target);
  await drain(peer, workers, sizes.warmUp);
  let done = sizes.warmUp;
  let measured: Measured = {};
  if (parts.has("drain")) {
    measured = { ...measured, ...(await drain(peer, workers, sizes.drain)) };
    done += sizes.drain;
  }
  if (parts.has("pickup")) {
    const pickupMs: Record<string, Pickup> = {};
    for (const perSecond of sizes.rates) {
      const count = perSecond * sizes.pickupSeconds;
      pickupMs[perSecond] = await measurePickup(peer, workers, { perSecond, count });
      done += count;
    }
    measured = { ...measured, pickupMs };
  }
  await assertDone(peer, done);
  if (parts.has("backlog")) measured = { ...measured, claims: await measureClaims(peer, workers, sizes) };
  return measured;
}

/** 50 slots drain what was submitted before they came. */
async function drain(
  peer: OpenPeer,
  workers: Workers,
  count: number,
): Promise<{ readonly closedLoop: number; readonly closedLoopWithSubmit: number }> {
  const submitMs = await submitAll(peer, count);
  await workers.start();
  const started = await finish(peer, workers, count);
  const drainMs = performance.timeOrigin + performance.now() - Math.min(...started.map(({ atMs }) => atMs));
  await workers.stop();
  return { closedLoop: (count * 1_000) / drainMs, closedLoopWithSubmit: (count * 1_000) / (drainMs + submitMs) };
}

async function measurePickup(
  peer: OpenPeer,
  workers: Workers,
  { perSecond, count }: { readonly perSecond: number; readonly count: number },
): Promise<Pickup> {
  await workers.start();
  await submitAtRate(peer, perSecond, Math.min(perSecond, 100));
  await finish(peer, workers, Math.min(perSecond, 100));
  await submitAtRate(peer, perSecond, count - Math.min(perSecond, 100));
  const started = await finish(peer, workers, count - Math.min(perSecond, 100));
  await workers.stop();
  const waitedMs = started.map(({ atMs, submittedAtMs }) => atMs - submittedAtMs);
  const [p50 = 0, p99 = 0, p999 = 0] = [0.5, 0.99, 0.999].map((part) => percentile(waitedMs, part));
  return { p50, p99, p999 };
}

/** The same number of claims again and again, first over a small backlog that is made anew each time, then over a large one. */
async function measureClaims(
  peer: OpenPeer,
  workers: Workers,
  sizes: Sizes,
): Promise<Readonly<Record<string, number>>> {
  const claims: Record<string, number> = {};
  for (const backlog of sizes.backlogs) {
    const rates: number[] = [];
    for (let turn = 0; turn < sizes.claimTurns; turn++) {
      const missing = backlog - (await peer.countLeft());
      if (missing > backlog / 10 || turn === 0) await submitAll(peer, missing);
      await workers.start();
      await workers.waitForStarted(sizes.claims, 60_000);
      await workers.stop();
      rates.push(claimsPerSecond(workers.take(), sizes.claims));
    }
    claims[backlog] = percentile(rates, 0.5);
  }
  return claims;
}

/** Over the middle of the claims: neither the first handful, nor what waits for others to end. */
function claimsPerSecond(started: readonly Started[], count: number): number {
  const times = started.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const from = Math.floor(count * 0.1);
  const elapsedMs = (times[count - 1] ?? 0) - (times[from] ?? 0);
  return ((count - 1 - from) * 1_000) / elapsedMs;
}
