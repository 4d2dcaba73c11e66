/** How late it can be by the database's clock, told from this process's own. */
export interface DatabaseClock {
  /** A statement that was sent at `askedAtMs`, monotonic, had this time. */
  note(time: Date, askedAtMs: number): void;
  /** The latest time that the database may have now, in milliseconds of its epoch; undefined before the first note. */
  latestMs(): number | undefined;
}

/** Keeps the newest note: what the two clocks drift apart in the seconds until the next is nothing. */
export function createDatabaseClock(now: () => number): DatabaseClock {
  let aheadMs: number | undefined;
  return {
    note(time, askedAtMs) {
      aheadMs = time.getTime() - askedAtMs;
    },
    // the time was read after the statement was sent: that much more has passed at most
    latestMs: () => (aheadMs === undefined ? undefined : now() + aheadMs + 1),
  };
}
