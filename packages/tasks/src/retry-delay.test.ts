import fc from "fast-check";
import { expect, test } from "vitest";
import { retryDelayMs } from "./retry-delay.ts";

const almostOne = 1 - Number.EPSILON;

test.each([
  [0, 1_000],
  [1, 2_000],
  [2, 4_000],
  [8, 256_000],
  [9, 300_000],
  [10, 300_000],
  [5_000, 300_000],
])("after %i failures the wait is a random part of %i ms", (n, ceiling) => {
  expect(retryDelayMs(n, 0)).toBe(0);
  expect(retryDelayMs(n, 0.5)).toBe(ceiling / 2);
  expect(retryDelayMs(n, almostOne)).toBe(ceiling);
});

test("is a whole number of ms between 0 and 5 min, and never less for more failures", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: almostOne, noNaN: true }), (n, random) => {
      const delayMs = retryDelayMs(n, random);
      return Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= 300_000 && retryDelayMs(n + 1, random) >= delayMs;
    }),
  );
});
