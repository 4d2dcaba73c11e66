import type { Logger } from "@devmesh/observability";
import { maxBatchEntries } from "./split-batches.ts";
import type { SqsQueue } from "./sqs-queue.ts";

export interface DeleteBatcher {
  /** Resolves when the message is deleted or deleting it was given up; it never rejects. */
  remove(receiptHandle: string): Promise<void>;
}

interface Waiting {
  readonly handle: string;
  readonly resolve: () => void;
}

/**
 * Deletes messages ten at a time: while one call is under way the next batch gathers, so that batches fill exactly when
 * there is much to do, and no timer delays a lone message. A message that stays undeleted is delivered again, which
 * handlers must bear anyway.
 */
export function createDeleteBatcher(queue: Pick<SqsQueue, "deleteBatch">, logger: Logger): DeleteBatcher {
  const waiting: Waiting[] = [];
  let isRunning = false;

  async function deletePart(part: readonly Waiting[]): Promise<void> {
    try {
      const failed = await queue.deleteBatch(part.map(({ handle }) => handle));
      if (failed.length > 0) logger.warn({ messages: failed.length }, "messages not deleted");
    } catch (err) {
      logger.warn({ err, messages: part.length }, "messages not deleted");
    }
    for (const { resolve } of part) resolve();
  }

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) await deletePart(waiting.splice(0, maxBatchEntries));
    isRunning = false;
  }

  return {
    remove: (handle) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ handle, resolve });
      return Promise.all([promise, run()]).then(() => undefined);
    },
  };
}
