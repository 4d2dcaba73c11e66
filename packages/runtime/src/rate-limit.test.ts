import { describe, expect, test } from "vitest";
import { createRateLimiter } from "./rate-limit.ts";

describe("the rate limiter", () => {
  test("gives the burst at once, then the rate", () => {
    let now = 0;
    const limiter = createRateLimiter({ perSecond: 10, burst: 20, now: () => now });
    expect(limiter.policy).toBe('"default";q=20;w=2');
    for (let n = 19; n >= 0; n -= 1) expect(limiter.take("a")).toMatchObject({ isAllowed: true, remaining: n });
    expect(limiter.take("a")).toEqual({ isAllowed: false, remaining: 0, resetSeconds: 2, retryAfterMs: 100 });
    expect(limiter.take("b").isAllowed).toBe(true);
    now = 100;
    expect(limiter.take("a").isAllowed).toBe(true);
    expect(limiter.take("a").isAllowed).toBe(false);
    now = 60_000;
    expect(limiter.take("a").remaining).toBe(19);
  });

  test("remembers a bounded number of callers: the one seen longest ago starts afresh", () => {
    const limiter = createRateLimiter({ perSecond: 1, burst: 1, now: () => 0, maxCallers: 2 });
    for (const caller of ["a", "b", "a", "c"]) limiter.take(caller);
    expect(limiter.take("a").isAllowed).toBe(false);
    expect(limiter.take("b").isAllowed).toBe(true);
  });
});
