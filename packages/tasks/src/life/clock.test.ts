import { describe, expect, test } from "vitest";
import { assignmentOf, later, now } from "../../test/fakes.ts";
import { standsStill, startClock, stopClock } from "./clock.ts";

const running = assignmentOf({ state: "running", leaseUntil: later(30_000), attemptUntil: later(600_000) });

describe("the clock of an attempt", () => {
  test("keeps what is left while it stands still, however long that takes", () => {
    const stopped = stopClock(running, later(200_000));
    expect(stopped).toMatchObject({ attemptLeftMs: 400_000, attemptUntil: undefined, leaseUntil: later(30_000) });
    expect(stopped.checkAt).toEqual(later(230_000));
    expect(standsStill(stopped)).toBe(true);
    expect(stopClock(stopped, later(9_000_000))).toBe(stopped);
  });

  test("goes on with the rest of the attempt and a lease in full", () => {
    const started = startClock(stopClock(running, later(590_000)), later(9_000_000));
    expect(started).toMatchObject({
      attemptLeftMs: undefined,
      attemptUntil: later(9_010_000),
      leaseUntil: later(9_030_000),
      checkAt: later(9_010_000),
    });
    expect(startClock(started, later(9_000_001))).toBe(started);
  });

  test("has nothing left to give where the attempt was over already", () => {
    expect(stopClock(running, later(600_001)).attemptLeftMs).toBe(0);
  });

  test("stands still while anything holds it", () => {
    const stopped = stopClock(running, now);
    for (const held of [{ askedAt: now }, { slot: "yielded" }, { slot: "awaited" }] as const) {
      const started = startClock({ ...stopped, ...held }, later(1_000));
      expect(started).toMatchObject({ attemptLeftMs: 600_000, attemptUntil: undefined });
      expect(started.checkAt).toEqual(later(31_000));
    }
  });
});
