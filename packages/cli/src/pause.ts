import { setTimeout as sleep } from "node:timers/promises";

const firstMs = 1_000;
const longestMs = 30_000;

/** Waits 1 s, and twice as long each time, to half a minute; rejects when `signal` aborts. */
export async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.min(longestMs, firstMs * 2 ** attempt), undefined, { signal });
}
