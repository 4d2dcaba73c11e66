import { AppError } from "@devmesh/models";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { orAborted, startDeadline } from "./deadline.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);

test("ends what takes too long, even what doesn't care", async () => {
  using deadline = startDeadline("tool server x", 1_000);
  const waiting = orAborted(never(), deadline.signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await waiting).toMatchObject({ code: "deadline_exceeded", message: "tool server x took longer than 1000 ms" });
});

test("leaves no clock behind", () => {
  startDeadline("x", 1_000)[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});

test("gives what there is, and its errors, and is cancelled by a signal without a reason of ours", async () => {
  expect(await orAborted(Promise.resolve(1), new AbortController().signal)).toBe(1);
  const error = new AppError("unavailable", "away");
  await expect(orAborted(Promise.reject(error), new AbortController().signal)).rejects.toBe(error);
  await expect(orAborted(never(), AbortSignal.abort())).rejects.toMatchObject({ code: "cancelled" });
});
