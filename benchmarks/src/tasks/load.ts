import { setTimeout as delay } from "node:timers/promises";
import { makePayload, type OpenPeer } from "./peer.ts";
import type { Started, Workers } from "./workers.ts";

const batch = 100;
const submitters = 4;

/** Submits tasks numbered from 0, in batches of 100, four at a time; gives how long that took. */
export async function submitAll(peer: OpenPeer, count: number): Promise<number> {
  const begunAt = performance.now();
  let next = 0;
  const submitter = async (): Promise<void> => {
    while (next < count) {
      const first = next;
      next += batch;
      await peer.submitMany(
        Array.from({ length: Math.min(batch, count - first) }, (_, index) => makePayload(first + index)),
      );
    }
  };
  await Promise.all(Array.from({ length: submitters }, submitter));
  return performance.now() - begunAt;
}

/** Submits one by one at a fixed rate, whatever the answers take (open loop). */
export async function submitAtRate(peer: OpenPeer, perSecond: number, count: number): Promise<void> {
  const begunAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let number = 0; number < count; number++) {
    const dueInMs = begunAt + (number * 1_000) / perSecond - performance.now();
    if (dueInMs > 1) await delay(dueInMs);
    pending.push(peer.submitOne(makePayload(number)));
  }
  await Promise.all(pending);
}

/** Waits until nothing is left to do, then takes what was started, and throws unless that is each of `count` once. */
export async function finish(peer: OpenPeer, workers: Workers, count: number): Promise<readonly Started[]> {
  const timeoutMs = 20_000 + count * 10;
  await workers.waitForStarted(count, timeoutMs);
  const endsAt = performance.now() + timeoutMs;
  for (let left = await peer.countLeft(); left > 0; left = await peer.countLeft()) {
    if (performance.now() > endsAt) throw new Error(`${left} of ${count} tasks are not done`);
    await delay(2);
  }
  const started = workers.take();
  const different = new Set(started.map(({ number }) => number)).size;
  if (started.length !== count || different !== count) {
    throw new Error(`${started.length} starts of ${different} tasks, expected ${count} of each`);
  }
  return started;
}

/** @throws Error where the peer keeps what is done, and that is not `count`. */
export async function assertDone(peer: OpenPeer, count: number): Promise<void> {
  const done = await peer.countDone();
  if (done !== undefined && done !== count) throw new Error(`${done} tasks done, expected ${count}`);
}
