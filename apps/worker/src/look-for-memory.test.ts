import { createLogger } from "@devmesh/observability";
import type { MemoryDue } from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lookForMemory } from "./look-for-memory.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const logger = createLogger({ level: "silent", service: "worker" });
const nothing: MemoryDue = { documents: false, digests: false, removals: false, imports: false, entries: false };

test("looks once in 30 s, and wakes those alone for whom something waits", async () => {
  const stop = new AbortController();
  const nudges = {
    documents: createNudge(),
    digests: createNudge(),
    removals: createNudge(),
    imports: createNudge(),
    entries: createNudge(),
  };
  const woken: string[] = [];
  for (const [part, nudge] of Object.entries(nudges)) {
    void nudge.wait(600_000, stop.signal).then((isNudged) => isNudged && woken.push(part));
  }
  const answers = [nothing, new Error("the database is away"), { ...nothing, imports: true, entries: true }];
  const findDue = vi.fn(async () => {
    const answer = answers.shift() ?? nothing;
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const looking = lookForMemory({ findDue, nudges, leaseMs: 60_000, logger }, stop.signal);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(findDue).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(30_001);
  expect(findDue).toHaveBeenCalledTimes(2);
  expect(woken).toEqual([]);
  await vi.advanceTimersByTimeAsync(36_000);
  expect(findDue).toHaveBeenCalledTimes(3);
  expect(woken).toEqual(["imports", "entries"]);
  stop.abort();
  await looking;
});

test("looks as often as leases end, where they are short", async () => {
  const stop = new AbortController();
  const nudge = createNudge();
  const nudges = { documents: nudge, digests: nudge, removals: nudge, imports: nudge, entries: nudge };
  const findDue = vi.fn(async () => nothing);
  const looking = lookForMemory({ findDue, nudges, leaseMs: 2_000, logger }, stop.signal);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(findDue).toHaveBeenCalledTimes(3);
  stop.abort();
  await looking;
});
