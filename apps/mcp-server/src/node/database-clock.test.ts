import { expect, test } from "vitest";
import { createDatabaseClock } from "./database-clock.ts";

test("the database's time is at most what a note says, and all that passed since it was asked for", () => {
  let now = 1_000;
  const clock = createDatabaseClock(() => now);
  expect(clock.latestMs()).toBeUndefined();
  clock.note(new Date(50_000), 990);
  // 10 ms on the way, and a millisecond for rounding
  expect(clock.latestMs()).toBe(50_011);
  now += 500;
  expect(clock.latestMs()).toBe(50_511);
  clock.note(new Date(60_000), 1_500);
  expect(clock.latestMs()).toBe(60_001);
});
