import { expect, test } from "vitest";
import { defaultNodeLeaseMs, latestDropMs, maxDropMs, nodeTimes } from "./node-times.ts";

const times = nodeTimes(defaultNodeLeaseMs);

test("drops a dead node's connections in time, though the sweep has to be taken over", () => {
  expect(times).toMatchObject({ leaseMs: 15_000, renewEveryMs: 7_500, sweepPauseMs: 1_000 });
  expect(times.leaseMs + times.sweepPauseMs).toBe(16_000);
  expect(latestDropMs(times)).toBe(21_000);
  expect(latestDropMs(times)).toBeLessThan(maxDropMs);
});

test("lets a node miss a renewal and two announcements", () => {
  expect(times.leaseMs).toBeGreaterThanOrEqual(2 * times.renewEveryMs);
  expect(times.announcementMs).toBeGreaterThanOrEqual(3 * times.announceEveryMs);
});

test("suspects nobody for a flush: a node announces itself again before that, a reconnect of 2 s included", () => {
  expect(times.announceEveryMs + 2_000).toBeLessThan(times.suspectAfterMs);
});
