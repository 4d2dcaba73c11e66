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
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await breaker.run(call)).toBe(1);
    expect(await breaker.run(call)).toBe(1);
  });

  it("doesn't open for requests that were themselves wrong", async () => {
    using breaker = createBreaker("sqs send", { minCalls: 1 });
    const wrong = new AppError("invalid_argument", "wrong");
    for (let count = 0; count < 10; count += 1) await expect(breaker.run(fail(wrong))).rejects.toBe(wrong);
  });
});
