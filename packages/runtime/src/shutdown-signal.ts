import { systemClock } from "./clock.ts";

/** Why the process ends without finishing. */
export type ForceReason = "second signal" | "deadline";

/** How long a shutdown may take. */
export interface ShutdownOptions {
  /** From the first signal to the forced end: 25 s suits ECS, which kills after 30 s. */
  readonly deadlineMs: number;
  /** Ends the process at once; the default exits with code 1. */
  readonly onForce?: (reason: ForceReason) => void;
  /** Where the signals come from; `process` when absent. */
  readonly source?: SignalSource;
  readonly now?: () => number;
}

/** The part of `process` that is needed. */
export interface SignalSource {
  on(event: "SIGTERM" | "SIGINT", listener: () => void): unknown;
}

/** pnpm and terminals deliver the first signal twice, milliseconds apart. */
const repeatedSignalMs = 1_000;

/**
 * Gives the signal that a service runs under: the first SIGTERM or SIGINT aborts it. A second one more than a second
 * later, or the deadline, calls `onForce`, once. The deadline's timer doesn't keep the process alive. Call it once per
 * process: its listeners stay.
 */
export function shutdownSignal(options: ShutdownOptions): AbortSignal {
  const { deadlineMs, onForce = exitAtOnce, source = process, now = systemClock } = options;
  const controller = new AbortController();
  let firstAt: number | undefined;
  let isForced = false;

  function force(reason: ForceReason): void {
    if (isForced) return;
    isForced = true;
    onForce(reason);
  }

  function onSignal(): void {
    if (firstAt === undefined) {
      firstAt = now();
      setTimeout(() => force("deadline"), deadlineMs).unref();
      controller.abort();
      return;
    }
    if (now() - firstAt > repeatedSignalMs) force("second signal");
  }

  source.on("SIGTERM", onSignal);
  source.on("SIGINT", onSignal);
  return controller.signal;
}

function exitAtOnce(): void {
  process.exit(1);
}
