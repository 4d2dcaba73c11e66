/** How fast a quota is used up, as a share of it: less after throttling, more while callers wait and nobody throttles. */
export interface AdaptiveShare {
  now(): number;
  /** Time passed; `wasWanted` says that somebody had to wait in it. */
  pass(elapsedMs: number, wasWanted: boolean): void;
  /** Lessens it; for calls that one cause throttles, once. */
  lessen(): void;
}

/** The slowest that it gets. */
const minShare = 1 / 64;
/** What throttling leaves of it, as in CUBIC (RFC 9438). */
const leftAfterThrottle = 0.7;
/** What a second without throttling gives back, of the share that was throttled last; the way back takes 6 s. */
const recoveryPerSecond = 0.05;
/** So that what was throttled hard recovers within minutes. */
const minStep = 0.005;
/** Throttles within this time of the last decrease are of calls that were under way already. */
const oneCauseMs = 1_000;

/** Additive increase, multiplicative decrease, as in TCP (RFC 5681): a quota that is not known is found by asking. */
export function createAdaptiveShare(maxShare: number): AdaptiveShare {
  let share = 1;
  let throttledAt = 1;
  let sinceLessMs = Number.POSITIVE_INFINITY;

  /** Back to the quota in any case; above it no more than a second's worth for each time that somebody waited. */
  function grown(elapsedMs: number, wasWanted: boolean): number {
    const perSecond = Math.max(minStep, recoveryPerSecond * throttledAt);
    if (share < 1) return Math.min(1, share + (perSecond * elapsedMs) / 1_000);
    if (!wasWanted) return share;
    return Math.min(maxShare, share + perSecond * Math.min(1, elapsedMs / 1_000));
  }

  return {
    now: () => share,
    pass: (elapsedMs, wasWanted) => {
      sinceLessMs += elapsedMs;
      if (sinceLessMs >= oneCauseMs) share = grown(elapsedMs, wasWanted);
    },
    lessen: () => {
      if (sinceLessMs < oneCauseMs) return;
      sinceLessMs = 0;
      throttledAt = share;
      share = Math.max(minShare, share * leftAfterThrottle);
    },
  };
}
