import { expect, test } from "vitest";
import { healthAfter, missedHeartbeats } from "./liveness.ts";

test("health falls with the heartbeats missed", () => {
  expect([0, 1, 2, 3, 9].map(healthAfter)).toEqual(["healthy", "degraded", "degraded", "unreachable", "unreachable"]);
});

test("the first silent interval ends with the PING, and each one after it without a byte is a miss", () => {
  expect([0, 999, 1_999, 2_000, 2_999, 3_000, 4_000].map((now) => missedHeartbeats(0, now, 1_000))).toEqual([
    0, 0, 0, 1, 1, 2, 3,
  ]);
});

test("a clock that ran backwards misses nothing", () => {
  expect(missedHeartbeats(5_000, 1_000, 1_000)).toBe(0);
});
