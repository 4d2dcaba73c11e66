/** How fast a quota is used up, as a share of it: less after throttling, more while callers wait and nobody throttles. */
export interface AdaptiveShare {
  now(): number;
  /** Time passed; `wasWanted` says that somebody had to wait in it. */
  pass(elapsedMs: number, wasWanted: boolean): void;
  /** Halves it; for some calls that one cause throttles, once. */
  halve(): void;
}

/** The slowest that it gets. */
const minShare = 1 / 64;
/** What a second without throttling gives back. */
const recoveryPerSecond = 0.05;
/** Throttles within this time of the last decrease are of calls that were under way already. */
const oneCauseMs = 1_000;

/** Additive increase, multiplicative decrease, as in TCP (RFC 5681): a quota that is not known is found by asking. */
export function createAdaptiveShare(maxShare: number): AdaptiveShare {
  let share = 1;
  let sinceHalvedMs = Number.POSITIVE_INFINITY;

  /** Back to the quota in any case; above it no more than a second's worth for each time that somebody waited. */
  function grown(elapsedMs: number, wasWanted: boolean): number {
    if (share < 1) return Math.min(1, share + (recoveryPerSecond * elapsedMs) / 1_000);
    if (!wasWanted) return share;
    return Math.min(maxShare, share + recoveryPerSecond * Math.min(1, elapsedMs / 1_000));
  }

  return {
    now: () => share,
    pass: (elapsedMs, wasWanted) => {
      sinceHalvedMs += elapsedMs;
      if (sinceHalvedMs >= oneCauseMs) share = grown(elapsedMs, wasWanted);
    },
    halve: () => {
      if (sinceHalvedMs < oneCauseMs) return;
      sinceHalvedMs = 0;
      share = Math.max(minShare, share / 2);
    },
  };
}
