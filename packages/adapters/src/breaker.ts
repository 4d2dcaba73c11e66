import { AppError } from "@devmesh/models";
import CircuitBreaker from "opossum";

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** Opens when this share of the calls of the last 10 s failed. Default 50. */
  readonly errorPercent?: number;
  /** Never opens on fewer calls than this within 10 s. Default 5. */
  readonly minCalls?: number;
  /** How long it stays open before one call is let through to try. Default 5 s. */
  readonly resetMs?: number;
}

/** Guards one remote operation: while it is open, calls fail at once instead of waiting for a service that is down. */
export interface Breaker extends Disposable {
  /** @throws AppError `unavailable`, reason `breaker_open`, or whatever `call` throws. */
  run<T>(call: () => Promise<T>): Promise<T>;
}

/** Codes that say something about the request, or about us, and nothing about the health of the service. */
const harmlessCodes: ReadonlySet<string> = new Set([
  "invalid_argument",
  "permission_denied",
  "not_found",
  "conflict",
  "failed_precondition",
  "cancelled",
]);

/** Makes the breaker of one operation; `operation` is named in its error, such as `sqs send`. */
export function createBreaker(operation: string, options: BreakerOptions = {}): Breaker {
  const { errorPercent = 50, minCalls = 5, resetMs = 5_000 } = options;
  const circuit = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
    name: operation,
    timeout: false,
    errorThresholdPercentage: errorPercent,
    volumeThreshold: minCalls,
    resetTimeout: resetMs,
    errorFilter: (error: unknown) => error instanceof AppError && harmlessCodes.has(error.code),
  });

  async function run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return (await circuit.fire(call)) as T;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof AppError || !CircuitBreaker.isOurError(error)) throw error;
      throw new AppError("unavailable", `${operation} is unavailable: its breaker is open`, {
        reason: "breaker_open",
        retryAfterMs: resetMs,
        cause: error,
      });
    }
  }

  return { run, [Symbol.dispose]: () => circuit.shutdown() };
}
