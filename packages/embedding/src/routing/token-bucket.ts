import { AppError } from "@devmesh/models";
import type { ModelQuota } from "../catalogue/embedding-model.ts";
import { assertWanted } from "./cancelled.ts";

/** How fast calls go out to one model in one region: two buckets, requests and tokens, that breathe together. */
export interface TokenBucket {
  /**
   * Takes a request and `tokens`, waiting until there is room; first come, first served. A call of more tokens than the
   * bucket holds goes when it is full, and those after it wait for the debt. Gives how long it waited.
   *
   * @throws AppError `resource_exhausted`, reason `rate_limited`, at once, where it would wait for more than `maxWaitMs`;
   * `cancelled`, and what was taken is given back.
   */
  take(tokens: number, options: { readonly maxWaitMs: number; readonly signal: AbortSignal }): Promise<number>;
  /** How long one more call of a few tokens would wait now. */
  waitMs(): number;
  /** The service asked to slow down: half as fast from now on, and nothing before `retryAfterMs`. */
  slowDown(retryAfterMs?: number): void;
  /** The call took so many more tokens than were taken (less, if negative). */
  settle(moreTokens: number): void;
  /** The rate now, as a share of the quota. */
  share(): number;
}

/** What a bucket needs of its surroundings. */
export interface TokenBucketOptions {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The most that the rate grows to, as a share of the quota, while callers wait and nobody throttles. Default 8. */
  readonly maxShare?: number;
}

/** A bucket holds a quarter of a minute's quota: with its refilling a minute never sees more than 1.25 quotas. */
const capacityMs = 15_000;
/** The slowest it gets, as a share of the quota. */
const minShare = 1 / 64;
/** What a second without throttling gives back, as a share of the quota. */
const recoveryPerSecond = 0.05;
/** Throttles within this time of the last decrease are of calls that were under way already: they decrease nothing. */
const oneCauseMs = 1_000;

/** Additive increase, multiplicative decrease, as in TCP (RFC 5681): a quota that is not known is found by asking. */
export function createTokenBucket(quota: ModelQuota, options: TokenBucketOptions): TokenBucket {
  const { now, sleep, maxShare = 8 } = options;
  const perMs = { requests: quota.requestsPerMinute / 60_000, tokens: quota.tokensPerMinute / 60_000 };
  let share = 1;
  let level = { requests: perMs.requests * capacityMs, tokens: perMs.tokens * capacityMs };
  let refilledAt = now();
  let decreasedAt = Number.NEGATIVE_INFINITY;
  let closedUntil = Number.NEGATIVE_INFINITY;
  let wasWanted = false;

  function refill(): void {
    const elapsedMs = Math.max(0, now() - refilledAt);
    refilledAt += elapsedMs;
    const filled = (have: number, rate: number) => Math.min(rate * share * capacityMs, have + rate * share * elapsedMs);
    level = { requests: filled(level.requests, perMs.requests), tokens: filled(level.tokens, perMs.tokens) };
    if (elapsedMs === 0 || refilledAt - decreasedAt < oneCauseMs) return;
    share = grownShare(elapsedMs);
    wasWanted = false;
  }

  /** Back to the quota in any case; above it no more than a second's worth for each time that somebody waited. */
  function grownShare(elapsedMs: number): number {
    if (share < 1) return Math.min(1, share + (recoveryPerSecond * elapsedMs) / 1_000);
    if (!wasWanted) return share;
    return Math.min(maxShare, share + recoveryPerSecond * Math.min(1, elapsedMs / 1_000));
  }

  function waitFor(tokens: number): number {
    refill();
    const needed = Math.min(tokens, perMs.tokens * share * capacityMs);
    const forRequests = (Math.min(1, perMs.requests * share * capacityMs) - level.requests) / (perMs.requests * share);
    const forTokens = (needed - level.tokens) / (perMs.tokens * share);
    return Math.ceil(Math.max(0, forRequests, forTokens, closedUntil - refilledAt));
  }

  function add(requests: number, tokens: number): void {
    level = { requests: level.requests + requests, tokens: level.tokens + tokens };
  }

  return {
    take: async (tokens, { maxWaitMs, signal }) => {
      assertWanted(signal);
      const waitMs = waitFor(tokens);
      if (waitMs > 0) wasWanted = true;
      if (waitMs > maxWaitMs) throw tooBusy(waitMs, maxWaitMs);
      add(-1, -tokens);
      if (waitMs === 0) return 0;
      await sleep(waitMs, signal);
      if (signal.aborted) add(1, tokens);
      assertWanted(signal);
      return waitMs;
    },
    waitMs: () => waitFor(1),
    slowDown: (retryAfterMs = 0) => {
      refill();
      closedUntil = Math.max(closedUntil, refilledAt + retryAfterMs);
      level = { requests: Math.min(0, level.requests), tokens: Math.min(0, level.tokens) };
      if (refilledAt - decreasedAt < oneCauseMs) return;
      decreasedAt = refilledAt;
      share = Math.max(minShare, share / 2);
    },
    settle: (moreTokens) => add(0, -moreTokens),
    share: () => {
      refill();
      return share;
    },
  };
}

function tooBusy(waitMs: number, maxWaitMs: number): AppError {
  const message = `the model has room in ${waitMs} ms, at most ${maxWaitMs} ms are waited for`;
  return new AppError("resource_exhausted", message, { reason: "rate_limited", retryAfterMs: waitMs });
}
