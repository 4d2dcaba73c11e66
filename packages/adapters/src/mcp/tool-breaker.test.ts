import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createToolBreaker } from "./tool-breaker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);

test.each([
  ["opens by a server that hangs, though each caller cancels", 300, "open"],
  ["stays closed where callers leave at once", 100, "closed"],
] as const)("%s", async (_, afterMs, state) => {
  using breaker = createToolBreaker("tool server x");
  for (let count = 0; count < 3; count += 1) {
    const leaving = new AbortController();
    const call = breaker.run(never, { limitMs: 1_000, signal: leaving.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(afterMs);
    leaving.abort();
    expect(await call).toMatchObject({ code: "cancelled" });
  }
  expect(breaker.state).toBe(state);
});

test("ends a call that takes too long", async () => {
  using breaker = createToolBreaker("tool server x");
  const call = breaker.run(never, { limitMs: 1_000, signal: new AbortController().signal }).catch((error) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await call).toMatchObject({ code: "deadline_exceeded", message: "tool server x took longer than 1000 ms" });
});
