import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toCallersError, withinLimit } from "./within-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);
const operation = "bedrock x";

/** Its code and reason, or what it gave. */
function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: { code: string; reason?: string }) => [error.code, error.reason]);
}

describe("withinLimit", () => {
  it("gives what the call gives or throws, and leaves nothing at the signal nor in time", async () => {
    const { signal } = new AbortController();
    const options = { operation, limitMs: 1_000, signal };
    expect(await withinLimit(async () => 5, options)).toBe(5);
    const broken = new Error("broken");
    await expect(withinLimit(() => Promise.reject(broken), options)).rejects.toBe(broken);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is late after the limit, though the call doesn't hear of its end", async () => {
    let heard: AbortSignal | undefined;
    const call = (signal: AbortSignal): Promise<never> => {
      heard = signal;
      return never();
    };
    const outcome = outcomeOf(withinLimit(call, { operation, limitMs: 1_000, signal: new AbortController().signal }));
    await vi.advanceTimersByTimeAsync(999);
    expect(heard?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toEqual(["deadline_exceeded", undefined]);
    expect(heard?.aborted).toBe(true);
  });

  it.each([
    [0, ["cancelled", undefined]],
    [199, ["cancelled", undefined]],
    // by then it is the service that is slow
    [200, ["deadline_exceeded", "gave_up"]],
    [999, ["deadline_exceeded", "gave_up"]],
  ])("tells a caller that left after %i ms of 1,000 from one that gave up", async (ms, expected) => {
    const leaving = new AbortController();
    const outcome = outcomeOf(withinLimit(never, { operation, limitMs: 1_000, signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(ms);
    leaving.abort();
    expect(await outcome).toEqual(expected);
  });

  it("has cancelled for the caller who gave up, whatever the breaker is told", async () => {
    const leaving = new AbortController();
    const call = withinLimit(never, { operation, limitMs: 1_000, signal: leaving.signal }).catch(toCallersError);
    await vi.advanceTimersByTimeAsync(500);
    leaving.abort();
    expect(await call).toMatchObject({
      code: "cancelled",
      message: "the call of bedrock x was cancelled after 500 ms",
    });
    const other = new Error("other");
    expect(toCallersError(other)).toBe(other);
  });

  it("is cancelled at once where its signal has aborted already", async () => {
    expect(await outcomeOf(withinLimit(never, { operation, limitMs: 1_000, signal: AbortSignal.abort() }))).toEqual([
      "cancelled",
      undefined,
    ]);
  });
});
