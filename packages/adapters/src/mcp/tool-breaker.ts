import { type Breaker, type BreakerOptions, createBreaker } from "../breaker.ts";
import { toCallersError, withinLimit } from "../within-limit.ts";

/** Guards the calls of one tool server, each of which has an end. */
export interface ToolBreaker extends Pick<Breaker, "state" | "retryAfterMs">, Disposable {
  /**
   * Runs a call for `limitMs` at most. One that its caller gives up after a good part of that counts as late all the same.
   *
   * @throws AppError `unavailable`, reason `breaker_open`; `deadline_exceeded`; `cancelled` when `signal` aborts; or whatever
   * `call` throws.
   */
  run<T>(call: (ending: AbortSignal) => Promise<T>, limit: CallLimit): Promise<T>;
}

/** How long a call may take, and who may end it before. */
export interface CallLimit {
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Opens at half of at least three calls in two minutes, as a tool may take half a minute to say nothing, and rests for 10 s then.
 * The library opens above its share, so this is just below.
 */
export function createToolBreaker(operation: string, options: BreakerOptions = {}): ToolBreaker {
  const defaults = { errorPercent: 49.99, minCalls: 3, windowMs: 120_000, resetMs: 10_000 };
  const breaker = createBreaker(operation, { ...defaults, ...options });
  return {
    get state() {
      return breaker.state;
    },
    get retryAfterMs() {
      return breaker.retryAfterMs;
    },
    async run(call, limit) {
      try {
        return await breaker.run(() => withinLimit(call, { operation, ...limit }));
      } catch (error) {
        throw toCallersError(error);
      }
    },
    [Symbol.dispose]: () => breaker[Symbol.dispose](),
  };
}
