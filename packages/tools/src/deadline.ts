import { AppError } from "@devmesh/models";

/** Aborts after `limitMs`, with the AppError `deadline_exceeded` that names `what`. Disposing stops the clock. */
export function startDeadline(what: string, limitMs: number): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new AppError("deadline_exceeded", `${what} took longer than ${limitMs} ms`));
  }, limitMs);
  return { signal: late.signal, [Symbol.dispose]: () => clearTimeout(timer) };
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
