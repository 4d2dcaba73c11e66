import type { Logger } from "@devmesh/observability";
import { createPause } from "./pause.ts";
import type { ReceivedMessage } from "./queue-message.ts";
import type { SqsQueue } from "./sqs-queue.ts";

export interface MessagesInHandOptions {
  readonly queue: Pick<SqsQueue, "changeVisibility">;
  /** Renewed for everything in hand at a third of it. */
  readonly visibilityTimeoutSeconds: number;
  readonly logger: Logger;
}

/** The messages that handlers work on, kept invisible to others meanwhile. */
export interface MessagesInHand {
  readonly size: number;
  /** True from `giveBack` on: what was in hand may be somebody else's by now. */
  readonly isGivenBack: boolean;
  /** Holds a message until `handling`, which must not reject, is over. */
  hold(message: ReceivedMessage, handling: Promise<void>): void;
  /** Resolves when a handler is done, after `ms`, or when `signal` aborts. */
  waitForOne(ms: number, signal: AbortSignal): Promise<void>;
  /** Resolves when all handlers are done, or after `ms`. */
  waitForAll(ms: number): Promise<void>;
  /** Makes what is still in hand visible at once, and renews no more. */
  giveBack(): Promise<void>;
}

/** Starts with empty hands, and renews until `giveBack`. */
export function holdMessages(options: MessagesInHandOptions): MessagesInHand {
  const { queue, visibilityTimeoutSeconds, logger } = options;
  const handlingByMessage = new Map<ReceivedMessage, Promise<void>>();
  const givenBack = new AbortController();
  const slots = createPause();
  const rest = createPause();

  async function renew(): Promise<void> {
    while (!givenBack.signal.aborted) {
      await rest.wait((visibilityTimeoutSeconds * 1_000) / 3, givenBack.signal);
      if (givenBack.signal.aborted) return;
      await changeAll(visibilityTimeoutSeconds, "visibility not renewed");
    }
  }

  async function changeAll(seconds: number, complaint: string): Promise<void> {
    const handles = [...handlingByMessage.keys()].map(({ receiptHandle }) => receiptHandle);
    if (handles.length === 0) return;
    await queue
      .changeVisibility(handles, seconds)
      .catch((err: unknown) => logger.warn({ err, messages: handles.length }, complaint));
  }

  const renewing = renew();
  return {
    get size() {
      return handlingByMessage.size;
    },
    get isGivenBack() {
      return givenBack.signal.aborted;
    },
    hold: (message, handling) => {
      const release = (): void => {
        handlingByMessage.delete(message);
        slots.wake();
      };
      handlingByMessage.set(message, handling.then(release));
    },
    waitForOne: slots.wait,
    waitForAll: async (ms) => {
      const done = new AbortController();
      await Promise.race([Promise.all(handlingByMessage.values()), rest.wait(ms, done.signal)]);
      done.abort();
    },
    giveBack: async () => {
      givenBack.abort();
      await Promise.all([changeAll(0, "messages not given back"), renewing]);
      handlingByMessage.clear();
    },
  };
}
