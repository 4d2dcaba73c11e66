import { AppError } from "@devmesh/models";

/** How long a call may take, and who may end it before. */
export interface LimitOptions {
  readonly operation: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a call under a signal of its own, and doesn't wait for it any more once that has aborted: the SDK leaves an answer
 * whose body stalls, or was cut, without an end.
 *
 * @throws AppError `deadline_exceeded` after `limitMs`; `cancelled` when `signal` aborts; or whatever `call` throws.
 */
export async function withinLimit<T>(call: (signal: AbortSignal) => Promise<T>, options: LimitOptions): Promise<T> {
  const { operation, limitMs, signal } = options;
  const ending = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  function end(error: AppError): void {
    reject(error);
    ending.abort(error);
  }
  const cancel = (): void => end(new AppError("cancelled", `${operation} was cancelled`));
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
