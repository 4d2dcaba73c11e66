import { AppError } from "@devmesh/models";

/** How long something may take, and who may end it before. */
export interface DeadlineOptions {
  readonly what: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Why a call counts as late whose caller gave up after so long that the server must be why. */
const gaveUpReason = "gave_up";
/** What a caller who leaves must have waited, as a share of the limit, for that: 6 s of 30. */
const patienceShare = 0.2;

/**
 * Runs a call under a signal of its own, and doesn't wait for it once that has aborted.
 *
 * @throws AppError `deadline_exceeded` after `limitMs`; `cancelled` when `signal` aborts, or, where that took long,
 * `deadline_exceeded` that {@link toCallersError} turns back: impatient callers must not hide a server that hangs.
 */
export async function withinDeadline<T>(
  call: (signal: AbortSignal) => Promise<T>,
  options: DeadlineOptions,
): Promise<T> {
  const { what, limitMs, signal } = options;
  const ending = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  function end(error: AppError): void {
    reject(error);
    ending.abort(error);
  }
  const beganAt = performance.now();
  const cancel = (): void => {
    const waitedMs = Math.round(performance.now() - beganAt);
    const message = `the call of ${what} was cancelled after ${waitedMs} ms`;
    if (waitedMs < limitMs * patienceShare) end(new AppError("cancelled", message));
    else end(new AppError("deadline_exceeded", message, { reason: gaveUpReason }));
  };
  const timer = setTimeout(() => {
    end(new AppError("deadline_exceeded", `${what} took longer than ${limitMs} ms`));
  }, limitMs);
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    return await Promise.race([call(ending.signal), ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}

/** What a caller is told: one who gave up has cancelled, whatever it says of the server. */
export function toCallersError(error: unknown): unknown {
  if (!(error instanceof AppError) || error.reason !== gaveUpReason) return error;
  return new AppError("cancelled", error.message, { cause: error });
}

/**
 * Waits for what somebody else began.
 *
 * @throws AppError the signal's reason, or `cancelled`, when that aborts first; the promise goes on.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const cancel = (): void =>
    reject(signal.reason instanceof AppError ? signal.reason : new AppError("cancelled", "the call was cancelled"));
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    return await Promise.race([promise, ended]);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
