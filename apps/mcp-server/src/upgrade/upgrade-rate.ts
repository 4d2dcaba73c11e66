/** How fast a node lets sockets in. */
export interface UpgradeRateOptions {
  readonly perSecond: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Lets in at most so many a second, whichever second is looked at. */
export interface UpgradeRate {
  /** Undefined for one that is let in, and counted; else the whole milliseconds after which it may come again. */
  admit(): number | undefined;
}

/** No one is told to stay away for longer. Judgement: twice the lease of an assignment. */
export const maxRetryAfterMs = 60_000;

/**
 * Makes the limit. Those who are refused are each told a later time, one after the other at the rate, so that they do
 * not come back all at once; past {@link maxRetryAfterMs} at random within its upper half.
 */
export function createUpgradeRate({ perSecond, now, random }: UpgradeRateOptions): UpgradeRate {
  const spacingMs = 1_000 / perSecond;
  /** When the last `perSecond` were let in; `next` is the oldest. */
  const admittedAt = new Float64Array(perSecond).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let lastPlace = Number.NEGATIVE_INFINITY;

  return {
    admit() {
      const at = now();
      const freeAt = (admittedAt[next] ?? Number.NEGATIVE_INFINITY) + 1_000;
      if (freeAt <= at) {
        admittedAt[next] = at;
        next = (next + 1) % perSecond;
        return undefined;
      }
      const place = Math.max(freeAt, lastPlace + spacingMs);
      if (place - at > maxRetryAfterMs) return Math.ceil(maxRetryAfterMs * (1 - random() / 2));
      lastPlace = place;
      return Math.ceil(place - at + random() * spacingMs);
    },
  };
}
