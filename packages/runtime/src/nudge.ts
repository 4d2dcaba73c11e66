/** Wakes a waiting loop. Any number of nudges before the next wait count as one. */
export interface Nudge {
  /**
   * Resolves `true` when nudged (at once, if that happened since the last wait), `false` after `timeoutMs` or when
   * `signal` aborts. Several waiters are woken together.
   */
  wait(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  nudge(): void;
}

/** Makes one that nobody has nudged. */
export function createNudge(): Nudge {
  let isPending = false;
  const waiters = new Set<(isNudged: boolean) => void>();

  function wait(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (isPending) {
      isPending = false;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      function finish(isNudged: boolean): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        waiters.delete(finish);
        resolve(isNudged);
      }
      const giveUp = (): void => finish(false);
      const timer = setTimeout(giveUp, timeoutMs);
      signal.addEventListener("abort", giveUp, { once: true });
      waiters.add(finish);
    });
  }

  function nudge(): void {
    if (waiters.size === 0) isPending = true;
    for (const wake of [...waiters]) wake(true);
  }

  return { wait, nudge };
}
