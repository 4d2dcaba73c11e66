import { setTimeout as delay } from "node:timers/promises";

/** How long, and how often to look. */
export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
  /** Said when time is up. */
  readonly what?: string | undefined;
}

const pollMs = 10;
/** A loaded machine may stand still for seconds: who waits for what comes in any case loses nothing by waiting long. */
const defaultTimeoutMs = 30_000;

/**
 * Waits until `condition` gives something other than `undefined` or `false`, and gives that. A condition that throws is
 * asked again; its last error is the cause when time is up (30 s unless said).
 */
export async function waitFor<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const endsAt = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= endsAt) {
      throw new Error(`waited ${timeoutMs} ms for ${options.what ?? "a condition"} in vain`, { cause: lastError });
    }
    await delay(pollMs);
  }
}
