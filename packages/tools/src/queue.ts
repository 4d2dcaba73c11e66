import { AppError } from "@devmesh/models";

/** Somebody who waits, and what for. */
export interface Waiter<Wanted> {
  readonly wanted: Wanted;
  /** Ends the wait, and with it the place in the queue, at once. */
  enter(): void;
}

/** How one waits. */
export interface WaitOptions {
  /** Named in errors, such as `tool server github`. */
  readonly what: string;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
  /** What one is told who waited for so long. */
  readonly tooLong: () => AppError;
}

/** Those who wait, the first first. */
export interface Queue<Wanted> {
  readonly size: number;
  readonly waiters: Iterable<Waiter<Wanted>>;
  /** Resolves when somebody lets this one in. @throws AppError as `tooLong` says; `cancelled` */
  wait(wanted: Wanted, options: WaitOptions): Promise<void>;
}

export function createQueue<Wanted>(): Queue<Wanted> {
  const waiters = new Set<Waiter<Wanted>>();

  function wait(wanted: Wanted, { what, maxWaitMs, signal, tooLong }: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      function leave(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        waiters.delete(waiter);
      }
      function giveUp(): void {
        leave();
        reject(new AppError("cancelled", `the call of ${what} was cancelled while it waited`));
      }
      const waiter: Waiter<Wanted> = {
        wanted,
        enter: () => {
          leave();
          resolve();
        },
      };
      const timer = setTimeout(() => {
        leave();
        reject(tooLong());
      }, maxWaitMs);
      signal.addEventListener("abort", giveUp, { once: true });
      waiters.add(waiter);
    });
  }

  return {
    get size() {
      return waiters.size;
    },
    waiters,
    wait,
  };
}
