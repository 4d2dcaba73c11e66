import type { Logger } from "@devmesh/observability";
import { sleep as realSleep } from "./sleep.ts";

/** What is repeated, and how it backs off. */
export interface LoopOptions {
  /** Stands in every line that the loop logs. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * One turn. It waits by itself for something to do: a turn that comes back at once is followed by the next at once.
   */
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** The pause after the first failure; each further one doubles it. Default 250 ms. */
  readonly minBackoffMs?: number;
  /** Default 30 s. */
  readonly maxBackoffMs?: number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Runs `work` over and over until `signal` aborts; it never rejects. After a failure it pauses, doubling from
 * `minBackoffMs` to `maxBackoffMs`, and starts afresh with the first success. The first failures are logged as `info`,
 * from a pause of 1 s on as `warn`, and at the longest pause as `error`. What fails once the signal has aborted is
 * the end of the loop, not a failure.
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { name, signal, logger, work, minBackoffMs = 250, maxBackoffMs = 30_000, sleep = realSleep } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await work(signal);
      if (failures > 0) logger.info({ loop: name, failures }, "loop recovered");
      failures = 0;
    } catch (err) {
      if (signal.aborted) return;
      const pauseMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** failures);
      failures += 1;
      logger[failureLevel(pauseMs, maxBackoffMs)]({ loop: name, err, failures, pauseMs }, "loop failed, backing off");
      await sleep(pauseMs, signal);
    }
  }
}

function failureLevel(pauseMs: number, maxBackoffMs: number): "info" | "warn" | "error" {
  if (pauseMs >= maxBackoffMs) return "error";
  return pauseMs >= 1_000 ? "warn" : "info";
}
