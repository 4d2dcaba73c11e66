import { AppError } from "@devmesh/models";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBreaker } from "./breaker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const fail = (error: unknown) => (): Promise<never> => Promise.reject(error);
const away = new AppError("unavailable", "away");

describe("createBreaker", () => {
  it("passes results and errors through while closed", async () => {
    using breaker = createBreaker("sqs send");
    expect(await breaker.run(async () => 5)).toBe(5);
    await expect(breaker.run(fail(away))).rejects.toBe(away);
  });

  it("opens after failures, fails at once with unavailable, and closes after one call that succeeds", async () => {
    using breaker = createBreaker("sqs send", { minCalls: 3, resetMs: 5_000 });
    for (let count = 0; count < 3; count += 1) await expect(breaker.run(fail(away))).rejects.toBe(away);
    const call = vi.fn(async () => 1);
    await expect(breaker.run(call)).rejects.toMatchObject({
      code: "unavailable",
      reason: "breaker_open",
      retryAfterMs: 5_000,
      message: "sqs send is unavailable: its breaker is open",
    });
    expect(call).not.toHaveBeenCalled();
    expect(breaker).toMatchObject({ state: "open", retryAfterMs: 5_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(breaker).toMatchObject({ state: "half_open", retryAfterMs: 0 });
    expect(await breaker.run(call)).toBe(1);
    expect(breaker).toMatchObject({ state: "closed", retryAfterMs: 0 });
    expect(await breaker.run(call)).toBe(1);
  });

  it("counts calls as far back as it was told", async () => {
    using short = createBreaker("a", { minCalls: 2, windowMs: 10_000 });
    using long = createBreaker("b", { minCalls: 2, windowMs: 60_000 });
    for (const breaker of [short, long]) await expect(breaker.run(fail(away))).rejects.toBe(away);
    await vi.advanceTimersByTimeAsync(30_000);
    for (const breaker of [short, long]) await expect(breaker.run(fail(away))).rejects.toBe(away);
    expect([short.state, long.state]).toEqual(["closed", "open"]);
  });

  it("doesn't open for requests that were themselves wrong", async () => {
    using breaker = createBreaker("sqs send", { minCalls: 1 });
    const wrong = new AppError("invalid_argument", "wrong");
    for (let count = 0; count < 10; count += 1) await expect(breaker.run(fail(wrong))).rejects.toBe(wrong);
  });

  it("says how long it will rest yet, opens for no code that is called harmless, and tells that it is open", async () => {
    using breaker = createBreaker("bedrock x", { minCalls: 1, resetMs: 30_000, harmless: ["resource_exhausted"] });
    const throttled = new AppError("resource_exhausted", "slow down");
    for (let count = 0; count < 3; count += 1) await expect(breaker.run(fail(throttled))).rejects.toBe(throttled);
    expect(breaker.isOpen).toBe(false);
    // three of seven calls were fine: with the fourth that was not, more than half failed
    for (let count = 0; count < 4; count += 1) await expect(breaker.run(fail(away))).rejects.toBe(away);
    expect(breaker.isOpen).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    await expect(breaker.run(async () => 1)).rejects.toMatchObject({ retryAfterMs: 20_000 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(breaker.isOpen).toBe(false);
  });

  it("isn't closed by a call that was cancelled while it tried", async () => {
    using breaker = createBreaker("bedrock x", { minCalls: 1, resetMs: 1_000 });
    await expect(breaker.run(fail(away))).rejects.toBe(away);
    await vi.advanceTimersByTimeAsync(1_000);
    const cancelled = new AppError("cancelled", "gone");
    await expect(breaker.run(fail(cancelled))).rejects.toBe(cancelled);
    await expect(breaker.run(async () => 1)).rejects.toMatchObject({ reason: "breaker_open" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await breaker.run(async () => 1)).toBe(1);
    await expect(breaker.run(fail(cancelled))).rejects.toBe(cancelled);
    expect(await breaker.run(async () => 1)).toBe(1);
  });
});
