import { expect, test } from "vitest";
import { createUpgradeRate, maxRetryAfterMs, type UpgradeRate } from "./upgrade-rate.ts";

function open(perSecond: number, random = () => 0.5): { readonly rate: UpgradeRate; readonly clock: { at: number } } {
  const clock = { at: 1_000 };
  return { rate: createUpgradeRate({ perSecond, now: () => clock.at, random }), clock };
}

function admitted(rate: UpgradeRate, tries: number): number {
  return Array.from({ length: tries }, () => rate.admit()).filter((waitMs) => waitMs === undefined).length;
}

test("lets in as many as a second's worth at once, and no more in any second", () => {
  const { rate, clock } = open(200);
  expect(admitted(rate, 150)).toBe(150);
  clock.at += 600;
  expect(admitted(rate, 150)).toBe(50);
  clock.at += 399;
  expect(admitted(rate, 1)).toBe(0);
  clock.at += 1;
  expect(admitted(rate, 300)).toBe(150);
});

test("tells those who are refused later and later times, at the rate", () => {
  const { rate } = open(200);
  admitted(rate, 200);
  const waits = Array.from({ length: 400 }, () => rate.admit() ?? 0);
  expect(waits[0]).toBe(1_003);
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(new Set(waits).size).toBe(400);
  expect(waits.at(-1)).toBe(1_000 + 399 * 5 + 3);
});

test("lets everybody in who comes when told", () => {
  const { rate, clock } = open(10);
  admitted(rate, 10);
  const begunAt = clock.at;
  for (const waitMs of Array.from({ length: 25 }, () => rate.admit() ?? 0)) {
    clock.at = begunAt + waitMs;
    expect(rate.admit()).toBeUndefined();
  }
});

test("keeps what it tells within bounds, and spreads it", () => {
  let turn = 0;
  const { rate } = open(1, () => (turn++ % 10) / 10);
  const waits = Array.from({ length: 200 }, () => rate.admit() ?? 0).slice(100);
  expect(Math.max(...waits)).toBeLessThanOrEqual(maxRetryAfterMs);
  expect(Math.min(...waits)).toBeGreaterThan(maxRetryAfterMs / 2);
  expect(new Set(waits).size).toBe(10);
});

test("forgets what it told once that has passed", () => {
  const { rate, clock } = open(1);
  admitted(rate, 30);
  clock.at += 120_000;
  expect(rate.admit()).toBeUndefined();
  expect(rate.admit()).toBe(1_500);
});
