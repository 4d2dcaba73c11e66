import { type Breaker, type BreakerOptions, createBreaker } from "../breaker.ts";

/**
 * Half of at least three calls in two minutes, as a tool may take half a minute to say nothing, and then 10 s of rest. The
 * library opens above its share, so this is just below.
 */
export function createToolBreaker(operation: string, options: BreakerOptions = {}): Breaker {
  return createBreaker(operation, { errorPercent: 49.99, minCalls: 3, windowMs: 120_000, resetMs: 10_000, ...options });
}
