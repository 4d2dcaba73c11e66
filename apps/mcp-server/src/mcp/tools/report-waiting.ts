import type { ToolCall } from "./tool.ts";

/** Between two notifications: below what clients take for silence. Judgement. */
const everyMs = 5_000;

/** Gives what `done` gives, and tells meanwhile every 5 s that the call still waits, and how long of `waitMs`. */
export async function reportWaiting<T>(
  { reportProgress }: Pick<ToolCall, "reportProgress">,
  { waitMs, message }: { readonly waitMs: number; readonly message: string },
  done: Promise<T>,
): Promise<T> {
  if (waitMs <= everyMs) return done;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const waited = Math.min(waitMs, Math.round(performance.now() - startedAt));
    void reportProgress(waited, { total: waitMs, message });
  }, everyMs);
  try {
    return await done;
  } finally {
    clearInterval(timer);
  }
}
