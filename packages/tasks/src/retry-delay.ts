/** First delay, and the bound that doubling stops at (spec: 1 s × 2ⁿ to 5 min, full jitter). */
const baseMs = 1_000;
const maxMs = 300_000;

/**
 * The wait before the next try: a random part of 1 s × 2ⁿ, at most 5 min.
 *
 * @param n tries that have failed before this one; 0 for the first.
 * @param random a number in [0, 1).
 * @see "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: full jitter
 */
export function retryDelayMs(n: number, random: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(n, 20));
  return Math.ceil(ceiling * random);
}
