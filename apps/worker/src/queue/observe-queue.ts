import type { SqsQueue } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";

/** A queue, and whether it answered when it was last asked for messages: the consumer asks without a pause. */
export interface ObservedQueue {
  readonly queue: SqsQueue;
  /** @throws AppError `unavailable` where the last receive failed. */
  assertAnswers(): void;
}

/** Remembers how the last receive went, so that readiness tells of the queue without a call of its own. */
export function observeQueue(queue: SqsQueue): ObservedQueue {
  let failure: { readonly cause: unknown } | undefined;
  return {
    queue: {
      ...queue,
      receive: async (options) => {
        try {
          const messages = await queue.receive(options);
          failure = undefined;
          return messages;
        } catch (cause) {
          if (!options.signal.aborted) failure = { cause };
          throw cause;
        }
      },
    },
    assertAnswers: () => {
      if (failure !== undefined) throw new AppError("unavailable", "the last receive failed", failure);
    },
  };
}
