import { AppError } from "@devmesh/models";

/** How long a call may take, and who may end it before. */
export interface LimitOptions {
  readonly operation: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Why a call is late that its caller gave up after so long that the service must be why. */
const gaveUpReason = "gave_up";
/** What a caller who leaves must have waited, as a share of the limit, for that: 3 s of 15. */
const patienceShare = 0.2;

/**
 * Runs a call under a signal of its own, and doesn't wait for it any more once that has aborted: there are clients that leave
 * an answer whose body stalls, or was cut, without an end.
 *
 * @throws AppError `deadline_exceeded` after `limitMs`; `cancelled` when `signal` aborts, or, where that took long,
 * `deadline_exceeded` that {@link toCallersError} turns back: callers with less time than the limit must not hide a service that
 * hangs from its breaker; or whatever `call` throws.
 */
export async function withinLimit<T>(call: (signal: AbortSignal) => Promise<T>, options: LimitOptions): Promise<T> {
  const { operation, limitMs, signal } = options;
  const ending = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  function end(error: AppError): void {
    reject(error);
    ending.abort(error);
  }
  const beganAt = performance.now();
  const cancel = (): void => {
    const waitedMs = Math.round(performance.now() - beganAt);
    const message = `the call of ${operation} was cancelled after ${waitedMs} ms`;
    if (waitedMs < limitMs * patienceShare) end(new AppError("cancelled", message));
    else end(new AppError("deadline_exceeded", message, { reason: gaveUpReason }));
  };
  const timer = setTimeout(
    () => end(new AppError("deadline_exceeded", `${operation} took longer than ${limitMs} ms`)),
    limitMs,
  );
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    return await Promise.race([call(ending.signal), ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}

/** What a caller is told: one who gave up has cancelled, whatever that says of the service. */
export function toCallersError(error: unknown): unknown {
  if (!(error instanceof AppError) || error.reason !== gaveUpReason) return error;
  return new AppError("cancelled", error.message, { cause: error });
}
