import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { reportWaiting } from "./report-waiting.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function given() {
  const told: unknown[] = [];
  const reportProgress = async (...progress: unknown[]): Promise<void> => void told.push(progress);
  return { told, reportProgress };
}

test("tells every 5 s how long the call has waited, until it is done", async () => {
  const { told, reportProgress } = given();
  const done = Promise.withResolvers<string>();
  const waiting = reportWaiting({ reportProgress }, { waitMs: 12_000, message: "no task yet" }, done.promise);
  await vi.advanceTimersByTimeAsync(16_000);
  done.resolve("task");
  expect(await waiting).toBe("task");
  await vi.advanceTimersByTimeAsync(10_000);
  const about = { total: 12_000, message: "no task yet" };
  expect(told).toEqual([
    [5_000, about],
    [10_000, about],
    [12_000, about],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test("leaves no timer behind a failure, and tells nothing of a short wait", async () => {
  const { told, reportProgress } = given();
  const call = { reportProgress };
  const about = { waitMs: 25_000, message: "x" };
  await expect(reportWaiting(call, about, Promise.reject(new Error("away")))).rejects.toThrow("away");
  const short = Promise.withResolvers<number>();
  const waiting = reportWaiting(call, { ...about, waitMs: 5_000 }, short.promise);
  expect(vi.getTimerCount()).toBe(0);
  short.resolve(1);
  expect(await waiting).toBe(1);
  expect(told).toEqual([]);
});
