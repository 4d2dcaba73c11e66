import { AppError } from "@devmesh/models";
import type { ModelQuota } from "../catalogue/embedding-model.ts";
import { createAdaptiveShare } from "./adaptive-share.ts";
import { assertWanted } from "./cancelled.ts";

/** How fast calls go out to one model in one region: two buckets, requests and tokens, that breathe together. */
export interface TokenBucket {
  /**
   * Takes a request and `tokens`, waiting until there is room; first come, first served, but what is urgent before all
   * that is not. A call of more tokens than the bucket holds goes when it is full, and those after it wait for the debt.
   * Gives how long it waited.
   *
   * @throws AppError `resource_exhausted`, reason `rate_limited`, as soon as it would wait for more than `maxWaitMs`;
   * `cancelled`. What was taken is given back then.
   */
  take(tokens: number, options: TakeOptions): Promise<number>;
  /** How long one more call of a few tokens that is not urgent would wait now. */
  waitMs(): number;
  /** The service asked to slow down: by three tenths from now on, and nothing before `retryAfterMs`. */
  slowDown(retryAfterMs?: number): void;
  /** The call took so many more tokens than were taken (less, if negative). */
  settle(moreTokens: number): void;
  /** The rate now, as a share of the quota. */
  share(): number;
}

/** Who takes, and for how long it would wait. */
export interface TakeOptions {
  readonly maxWaitMs: number;
  readonly isUrgent: boolean;
  readonly signal: AbortSignal;
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

/** A full bucket that begins at `quota`, and learns what there is. */
export function createTokenBucket(quota: ModelQuota, options: TokenBucketOptions): TokenBucket {
  const { now, sleep, maxShare = 8 } = options;
  const perMs = { requests: quota.requestsPerMinute / 60_000, tokens: quota.tokensPerMinute / 60_000 };
  const rate = createAdaptiveShare(maxShare);
  let level = capacity();
  /** What waits and is not urgent: taken from the level once its time has come, so that what is urgent doesn't see it. */
  let queued = nothing;
  let refilledAt = now();
  let closedUntil = Number.NEGATIVE_INFINITY;
  let wasWanted = false;

  function capacity(): Amount {
    return times(perMs, rate.now() * capacityMs);
  }

  function refill(): void {
    const elapsedMs = Math.max(0, now() - refilledAt);
    if (elapsedMs === 0) return;
    refilledAt += elapsedMs;
    level = least(capacity(), more(level, times(perMs, rate.now() * elapsedMs)));
    rate.pass(elapsedMs, wasWanted);
    wasWanted = false;
  }

  function waitFor(tokens: number, behind: Amount): number {
    refill();
    const lacking = less(more(least({ requests: 1, tokens }, capacity()), behind), level);
    const waits = [lacking.requests / perMs.requests, lacking.tokens / perMs.tokens].map((wait) => wait / rate.now());
    return Math.ceil(Math.max(0, closedUntil - refilledAt, ...waits));
  }

  async function takeAfter(waitMs: number, call: Amount, options: TakeOptions): Promise<void> {
    if (options.isUrgent) level = less(level, call);
    else queued = more(queued, call);
    try {
      await waitThrough(waitMs, options, { now, sleep, closedUntil: () => closedUntil });
    } catch (error) {
      if (options.isUrgent) level = more(level, call);
      throw error;
    } finally {
      if (!options.isUrgent) queued = less(queued, call);
    }
    if (!options.isUrgent) level = less(level, call);
  }

  return {
    take: async (tokens, options) => {
      assertWanted(options.signal);
      const call = { requests: 1, tokens };
      const waitMs = waitFor(tokens, options.isUrgent ? nothing : queued);
      if (waitMs > 0) wasWanted = true;
      if (waitMs > options.maxWaitMs) throw tooBusy(waitMs, options.maxWaitMs);
      const from = now();
      if (waitMs > 0) await takeAfter(waitMs, call, options);
      else level = less(level, call);
      return now() - from;
    },
    waitMs: () => waitFor(1, queued),
    slowDown: (retryAfterMs = 0) => {
      refill();
      closedUntil = Math.max(closedUntil, refilledAt + retryAfterMs);
      level = least(level, nothing);
      rate.lessen();
    },
    settle: (moreTokens) => {
      level = less(level, { requests: 0, tokens: moreTokens });
    },
    share: () => {
      refill();
      return rate.now();
    },
  };
}

/**
 * Waits, and on while the bucket is closed because somebody was throttled meanwhile.
 *
 * @throws AppError once it is no more wanted, or would be too late
 */
async function waitThrough(
  waitMs: number,
  { maxWaitMs, signal }: TakeOptions,
  { now, sleep, closedUntil }: Pick<TokenBucketOptions, "now" | "sleep"> & { readonly closedUntil: () => number },
): Promise<void> {
  const from = now();
  await sleep(waitMs, signal);
  assertWanted(signal);
  while (closedUntil() > now()) {
    if (closedUntil() - from > maxWaitMs) throw tooBusy(Math.ceil(closedUntil() - now()), maxWaitMs);
    await sleep(closedUntil() - now(), signal);
    assertWanted(signal);
  }
}

interface Amount {
  readonly requests: number;
  readonly tokens: number;
}

const nothing: Amount = { requests: 0, tokens: 0 };

function times({ requests, tokens }: Amount, factor: number): Amount {
  return { requests: requests * factor, tokens: tokens * factor };
}

function least(a: Amount, b: Amount): Amount {
  return { requests: Math.min(a.requests, b.requests), tokens: Math.min(a.tokens, b.tokens) };
}

function more(a: Amount, b: Amount): Amount {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens };
}

function less(a: Amount, b: Amount): Amount {
  return { requests: a.requests - b.requests, tokens: a.tokens - b.tokens };
}

function tooBusy(waitMs: number, maxWaitMs: number): AppError {
  const message = `the model has room in ${waitMs} ms, at most ${maxWaitMs} ms are waited for`;
  return new AppError("resource_exhausted", message, { reason: "rate_limited", retryAfterMs: waitMs });
}
