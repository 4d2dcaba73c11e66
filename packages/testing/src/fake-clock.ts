/** A clock that stands still until it is told to move. Give `now` where a clock is an argument. */
export interface FakeClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  advance(ms: number): void;
  set(timeMs: number): void;
}

/** Starts at noon of a Saturday unless told otherwise. */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 3, 12)): FakeClock {
  let timeMs = startMs;
  return {
    now: () => timeMs,
    advance: (ms) => {
      if (ms < 0) throw new Error(`a clock does not go back: ${ms} ms`);
      timeMs += ms;
    },
    set: (newTimeMs) => {
      timeMs = newTimeMs;
    },
  };
}
