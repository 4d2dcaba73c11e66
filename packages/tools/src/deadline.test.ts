import { AppError } from "@devmesh/models";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toCallersError, withinDeadline } from "./deadline.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);

describe("withinDeadline", () => {
  it("gives what the call gives, and its errors", async () => {
    const options = { what: "x", limitMs: 1_000, signal: new AbortController().signal };
    expect(await withinDeadline(async () => 1, options)).toBe(1);
    const error = new AppError("unavailable", "away");
    await expect(withinDeadline(() => Promise.reject(error), options)).rejects.toBe(error);
  });

  it("ends a call that takes too long, even one that doesn't care", async () => {
    const ended = vi.fn();
    const call = withinDeadline(
      (signal) => {
        signal.addEventListener("abort", ended);
        return never();
      },
      { what: "tool server x", limitMs: 1_000, signal: new AbortController().signal },
    ).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await call).toMatchObject({ code: "deadline_exceeded", message: "tool server x took longer than 1000 ms" });
    expect(ended).toHaveBeenCalledOnce();
  });

  it.each([
    [100, "cancelled", "cancelled"],
    [300, "deadline_exceeded", "cancelled"],
  ])("left after %d ms of 1000 counts as %s, and is %s to the caller", async (afterMs, counts, told) => {
    const stop = new AbortController();
    const call = withinDeadline(never, { what: "x", limitMs: 1_000, signal: stop.signal }).catch(
      (error: unknown) => error,
    );
    await vi.advanceTimersByTimeAsync(afterMs);
    stop.abort();
    const error = await call;
    expect(error).toMatchObject({ code: counts });
    expect(toCallersError(error)).toMatchObject({ code: told });
  });
});
