import { AppError } from "@devmesh/models";

/** How much of a service one model may take up. */
export interface BulkheadOptions {
  /** Calls under way. Default 32. */
  readonly maxCalls?: number;
  /** Calls that wait for a place, first come, first served. Default 128. */
  readonly maxWaiting?: number;
  /** How long one waits at most. Default 10 s. */
  readonly maxWaitMs?: number;
}

/** Keeps one model from taking the connections, memory and time of the others. */
export interface Bulkhead {
  /**
   * Runs `call` as soon as there is a place.
   *
   * @throws AppError `resource_exhausted`, reason `bulkhead_full`, where too many wait, or this one did so for too long;
   * `cancelled` when `signal` aborts while it waits; or whatever `call` throws.
   */
  run<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Judgement: calls take 0.1 to 1 s, and a wave of them is over by then. */
const retryAfterMs = 500;

/** Makes the bulkhead of one operation; `operation` is named in its error. */
export function createBulkhead(operation: string, options: BulkheadOptions = {}): Bulkhead {
  const { maxCalls = 32, maxWaiting = 128, maxWaitMs = 10_000 } = options;
  /** In the order of their coming: a set keeps it, and loses one from its middle for nothing. */
  const waiting = new Set<() => void>();
  let calls = 0;

  function full(): AppError {
    const message = `${operation} has ${calls} calls under way and ${waiting.size} waiting, of at most ${maxCalls} and ${maxWaiting}`;
    return new AppError("resource_exhausted", message, { reason: "bulkhead_full", retryAfterMs });
  }

  function waitForPlace(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      function leave(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        waiting.delete(enter);
      }
      function enter(): void {
        leave();
        resolve();
      }
      function giveUp(): void {
        leave();
        reject(new AppError("cancelled", `${operation} was cancelled while it waited`));
      }
      const timer = setTimeout(() => {
        leave();
        reject(full());
      }, maxWaitMs);
      signal.addEventListener("abort", giveUp, { once: true });
      waiting.add(enter);
    });
  }

  /** Hands the place on, without anybody coming between, or frees it. */
  function releasePlace(): void {
    const [next] = waiting;
    if (next === undefined) calls -= 1;
    else next();
  }

  async function run<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw new AppError("cancelled", `${operation} was cancelled before it began`);
    if (calls < maxCalls) calls += 1;
    else if (waiting.size >= maxWaiting) throw full();
    else await waitForPlace(signal);
    try {
      return await call();
    } finally {
      releasePlace();
    }
  }

  return { run };
}
