import { AppError, type ErrorCode } from "@devmesh/models";
import CircuitBreaker from "opossum";

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** Opens when more than this share of the calls of the last 10 s, or `windowMs`, failed. Default 50. */
  readonly errorPercent?: number;
  /** Never opens on fewer calls than this. Default 5. */
  readonly minCalls?: number;
  /** How far back calls count. Default 10 s. */
  readonly windowMs?: number;
  /** How long it stays open before one call is let through to try. Default 5 s. */
  readonly resetMs?: number;
  /** Codes that say nothing about the service's health, beside those that are about the request. Default none. */
  readonly harmless?: readonly ErrorCode[];
}

/** Guards one remote operation: while it is open, calls fail at once instead of waiting for a service that is down. */
export interface Breaker extends Disposable {
  /** True while calls fail at once. */
  readonly isOpen: boolean;
  /** `half_open` once it has rested, until the one call that tries has ended. */
  readonly state: "closed" | "open" | "half_open";
  /** How long an open one rests yet; 0 otherwise. */
  readonly retryAfterMs: number;
  /** @throws AppError `unavailable`, reason `breaker_open`, or whatever `call` throws. */
  run<T>(call: () => Promise<T>): Promise<T>;
}

/** Codes that say something about the request, or about us, and nothing about the health of the service. */
const harmlessCodes: readonly ErrorCode[] = [
  "invalid_argument",
  "permission_denied",
  "not_found",
  "conflict",
  "failed_precondition",
  "cancelled",
];
/** While the one call that tries is under way: soon enough, and no tight loop. */
const minRetryMs = 100;

/** Makes the breaker of one operation; `operation` is named in its error, such as `sqs send`. */
export function createBreaker(operation: string, options: BreakerOptions = {}): Breaker {
  const { errorPercent = 50, minCalls = 5, windowMs = 10_000, resetMs = 5_000, harmless = [] } = options;
  const passing: ReadonlySet<string> = new Set([...harmlessCodes, ...harmless]);
  let openedAt = 0;

  /** What the library takes for a success. A cancelled call has tried nothing, and must not close what is open. */
  function isHarmless(error: unknown): boolean {
    if (!(error instanceof AppError)) return false;
    return passing.has(error.code) && !(error.code === "cancelled" && circuit.halfOpen);
  }

  const circuit = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
    name: operation,
    timeout: false,
    errorThresholdPercentage: errorPercent,
    volumeThreshold: minCalls,
    rollingCountTimeout: windowMs,
    resetTimeout: resetMs,
    errorFilter: isHarmless,
  });
  circuit.on("open", () => {
    openedAt = performance.now();
  });

  function restMs(): number {
    return Math.max(minRetryMs, Math.ceil(openedAt + resetMs - performance.now()));
  }

  async function run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return (await circuit.fire(call)) as T;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof AppError || !CircuitBreaker.isOurError(error)) throw error;
      throw new AppError("unavailable", `${operation} is unavailable: its breaker is open`, {
        reason: "breaker_open",
        retryAfterMs: restMs(),
        cause: error,
      });
    }
  }

  return {
    get isOpen() {
      return circuit.opened;
    },
    get state() {
      if (circuit.opened) return "open";
      return circuit.halfOpen ? "half_open" : "closed";
    },
    get retryAfterMs() {
      return circuit.opened ? restMs() : 0;
    },
    run,
    [Symbol.dispose]: () => circuit.shutdown(),
  };
}
