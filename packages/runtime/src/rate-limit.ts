import { AppError } from "@devmesh/models";
import type { EnvReader } from "./env-reader.ts";

/** The budget of every caller of a service. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** Reads the budget of callers, for each process; undefined where it is off. */
export function readRateLimit(reader: EnvReader): RateLimit | undefined {
  const perSecond = reader.int("DEVMESH_RATE_LIMIT_PER_SECOND", 2_000, { min: 0, max: 1_000_000 });
  return perSecond === 0 ? undefined : { perSecond, burst: perSecond * 2 };
}

/** What one request left of its caller's budget. */
export interface RateLimitState {
  readonly isAllowed: boolean;
  /** Requests that may follow at once. */
  readonly remaining: number;
  /** Seconds until the budget is whole again. */
  readonly resetSeconds: number;
  readonly retryAfterMs: number;
}

export interface RateLimiter {
  /** Takes one request out of the caller's budget; a refused one takes nothing. */
  take(caller: string): RateLimitState;
  /** The value of `RateLimit-Policy`. */
  readonly policy: string;
}

export interface RateLimitOptions extends RateLimit {
  /** Milliseconds, rising. */
  readonly now: () => number;
  /** Callers remembered; past that, the one seen longest ago starts afresh. Default 10,000. */
  readonly maxCallers?: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Makes the token buckets of one process, one a caller: `burst` at once, refilled by `perSecond`. */
export function createRateLimiter(options: RateLimitOptions): RateLimiter {
  const { perSecond, burst, now, maxCallers = 10_000 } = options;
  // a Map iterates in order of insertion: the first key is the caller seen longest ago
  const buckets = new Map<string, Bucket>();

  function refill(caller: string): Bucket {
    const at = now();
    const bucket = buckets.get(caller) ?? { tokens: burst, at };
    buckets.delete(caller);
    if (buckets.size >= maxCallers) buckets.delete(buckets.keys().next().value ?? "");
    bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1_000) * perSecond);
    bucket.at = at;
    buckets.set(caller, bucket);
    return bucket;
  }

  return {
    policy: `"default";q=${burst};w=${Math.ceil(burst / perSecond)}`,
    take(caller) {
      const bucket = refill(caller);
      const isAllowed = bucket.tokens >= 1;
      if (isAllowed) bucket.tokens -= 1;
      return {
        isAllowed,
        remaining: Math.floor(bucket.tokens),
        resetSeconds: Math.ceil((burst - bucket.tokens) / perSecond),
        retryAfterMs: isAllowed ? 0 : Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000),
      };
    },
  };
}

/** @throws AppError `resource_exhausted`, reason `rate_limited` */
export function assertAllowed(state: RateLimitState): void {
  if (state.isAllowed) return;
  const { retryAfterMs } = state;
  const message = `too many requests: the next is taken in ${retryAfterMs} ms`;
  throw new AppError("resource_exhausted", message, { reason: "rate_limited", retryAfterMs });
}

/**
 * Writes the two header fields.
 *
 * @see draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4
 */
export function setRateLimitHeaders(headers: Headers, limiter: RateLimiter, state: RateLimitState): void {
  headers.set("ratelimit-policy", limiter.policy);
  headers.set("ratelimit", `"default";r=${state.remaining};t=${state.resetSeconds}`);
}
