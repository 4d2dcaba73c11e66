import { AppError } from "@devmesh/models";

/** @throws AppError `cancelled` once `signal` has aborted; `deadline_exceeded` where a time limit did that */
export function assertWanted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  const reason: unknown = signal.reason;
  if (reason instanceof AppError) throw reason;
  const isLate = reason instanceof Error && reason.name === "TimeoutError";
  throw new AppError(
    isLate ? "deadline_exceeded" : "cancelled",
    isLate ? "the time for embedding is up" : "embedding was cancelled",
    { cause: reason },
  );
}

/** What `promise` gives, unless `signal` aborts before. @throws AppError as {@link assertWanted}, and what `promise` throws */
export async function whileWanted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  assertWanted(signal);
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
  const onAbort = () => abort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const first = await Promise.race([promise.then((value) => ({ value })), aborted]);
    if (first !== undefined) return first.value;
    assertWanted(signal);
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
