import type { Logger } from "@devmesh/observability";
import type { MessagesInHand } from "./messages-in-hand.ts";
import type { Pause } from "./pause.ts";
import type { ReceivedMessage } from "./queue-message.ts";
import type { SqsQueue } from "./sqs-queue.ts";

export interface ReceiveLoopOptions {
  readonly queue: Pick<SqsQueue, "receive">;
  readonly inHand: Pick<MessagesInHand, "size" | "waitForOne">;
  /** Called with each message; it comes back at once. */
  readonly take: (message: ReceivedMessage) => void;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly waitTimeSeconds: number;
  readonly visibilityTimeoutSeconds: number;
  readonly canReceive: () => boolean;
  /** Waking it ends the wait for `canReceive`, or for the queue. */
  readonly pause: Pause;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const minBackoffMs = 250;
/** A queue that is back is noticed within this. */
const maxBackoffMs = 5_000;
const recheckMs = 1_000;

/** Receives as long as there is a free hand, until `signal` aborts, and through any outage. It never rejects. */
export async function receiveMessages(options: ReceiveLoopOptions): Promise<void> {
  const { signal, logger } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const messages = await receiveOnce(options);
      if (messages === undefined) continue;
      if (failures > 0) logger.info({ failures }, "queue is back");
      failures = 0;
      for (const message of messages) options.take(message);
    } catch (err) {
      if (signal.aborted) return;
      const pauseMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** failures);
      failures += 1;
      logger[pauseMs >= maxBackoffMs ? "error" : "warn"]({ err, failures, pauseMs }, "receive failed, backing off");
      await options.pause.wait(pauseMs, signal);
    }
  }
}

/** Undefined when it was no time to ask, after a wait for a better one. */
async function receiveOnce(options: ReceiveLoopOptions): Promise<readonly ReceivedMessage[] | undefined> {
  const { queue, inHand, signal, waitTimeSeconds, visibilityTimeoutSeconds } = options;
  const free = options.concurrency - inHand.size;
  if (free <= 0) {
    await inHand.waitForOne(recheckMs, signal);
    return undefined;
  }
  if (!options.canReceive()) {
    await options.pause.wait(recheckMs, signal);
    return undefined;
  }
  const maxMessages = Math.min(options.batchSize, free);
  return queue.receive({ maxMessages, waitTimeSeconds, visibilityTimeoutSeconds, signal });
}
