/** Time as the client sees it; an argument, so that tests turn it by hand. */
export interface Clock {
  /** Monotonic milliseconds: leases and heartbeats must not follow a wall clock that is set. */
  nowMs(): number;
  /** The wall clock, RFC 3339 UTC with milliseconds. */
  time(): string;
  /** Runs `run` once after `delayMs`; the returned function cancels it and may be called at any time. */
  startTimer(delayMs: number, run: () => void): () => void;
}

/** The real one. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  time: () => new Date().toISOString(),
  startTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits `delayMs`, or until `signal` aborts: never rejects. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.startTimer(delayMs, finish);
    signal.addEventListener("abort", finish);
  });
}
