/** First range and the bound that doubling stops at. A throttled model's bucket refills within seconds. */
const baseMs = 250;
const maxMs = 4_000;

/**
 * The wait before a retry inside one region: a random part of 250 ms × 2ⁿ, at most 4 s, and no less than the service
 * asked for.
 *
 * @param n retries before this one
 * @param random a number in [0, 1)
 * @see "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: full jitter
 */
export function backoffMs(n: number, random: number, askedMs = 0): number {
  return Math.max(askedMs, Math.ceil(Math.min(maxMs, baseMs * 2 ** Math.min(n, 10)) * random));
}
