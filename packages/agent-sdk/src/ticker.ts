import type { Clock } from "./clock.ts";

/** One timer for all that an agent waits for. It stands still while there is nothing to do. */
export interface Ticker {
  /** Makes sure that a tick comes; called whenever work begins that a tick looks after. */
  wake(): void;
  stop(): void;
}

export interface TickerOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  /** False when nothing is left to look after: the ticker sleeps until it is woken. */
  readonly tick: (nowMs: number) => boolean;
}

export function createTicker({ clock, everyMs, tick }: TickerOptions): Ticker {
  let cancel: (() => void) | undefined;
  let isStopped = false;
  const run = (): void => {
    cancel = undefined;
    if (tick(clock.nowMs())) wake();
  };
  const wake = (): void => {
    if (cancel === undefined && !isStopped) cancel = clock.startTimer(everyMs, run);
  };
  return {
    wake,
    stop: () => {
      isStopped = true;
      cancel?.();
      cancel = undefined;
    },
  };
}
