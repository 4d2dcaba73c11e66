/** A pause that can be cut short, by {@link Pause.wake} or by the signal. */
export interface Pause {
  wait(ms: number, signal: AbortSignal): Promise<void>;
  wake(): void;
}

export function createPause(): Pause {
  let finishAll = new Set<() => void>();
  return {
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) {
          resolve();
          return;
        }
        function finish(): void {
          clearTimeout(timer);
          signal.removeEventListener("abort", finish);
          finishAll.delete(finish);
          resolve();
        }
        const timer = setTimeout(finish, ms);
        signal.addEventListener("abort", finish, { once: true });
        finishAll.add(finish);
      }),
    wake: () => {
      const waiting = finishAll;
      finishAll = new Set();
      for (const finish of waiting) finish();
    },
  };
}
