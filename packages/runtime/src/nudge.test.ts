import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createNudge } from "./nudge.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const never = new AbortController().signal;

describe("createNudge", () => {
  it("wakes a waiter", async () => {
    const nudge = createNudge();
    const waiting = nudge.wait(1_000, never);
    nudge.nudge();
    expect(await waiting).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts many nudges before a wait as one", async () => {
    const nudge = createNudge();
    nudge.nudge();
    nudge.nudge();
    expect(await nudge.wait(1_000, never)).toBe(true);
    const second = nudge.wait(1_000, never);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await second).toBe(false);
  });

  it("keeps no nudge that somebody heard", async () => {
    const nudge = createNudge();
    const waiting = [nudge.wait(1_000, never), nudge.wait(1_000, never)];
    nudge.nudge();
    expect(await Promise.all(waiting)).toEqual([true, true]);
    const next = nudge.wait(1_000, never);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toBe(false);
  });

  it("gives up when the signal aborts, before or while waiting", async () => {
    const nudge = createNudge();
    const controller = new AbortController();
    const waiting = nudge.wait(1_000, controller.signal);
    controller.abort();
    expect(await waiting).toBe(false);
    expect(await nudge.wait(1_000, controller.signal)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
