import type { SqsQueue } from "@devmesh/adapters";
import { toAppError } from "@devmesh/models";

/**
 * Gives a queue that is opened with its first use, and again with the next if that failed: a worker starts, and sweeps,
 * while SQS is away.
 */
export function openLazily(open: () => Promise<SqsQueue>): SqsQueue {
  let opening: Promise<SqsQueue> | undefined;
  let opened: SqsQueue | undefined;
  async function use(): Promise<SqsQueue> {
    if (opened !== undefined) return opened;
    opening ??= open();
    try {
      opened = await opening;
      return opened;
    } finally {
      opening = undefined;
    }
  }
  return {
    sendBatch: async (messages) => {
      try {
        return await (await use()).sendBatch(messages);
      } catch (error) {
        return messages.map(({ id }) => ({ id, error: toAppError(error) }));
      }
    },
    receive: async (options) => (await use()).receive(options),
    deleteBatch: async (handles) => (await use()).deleteBatch(handles),
    changeVisibility: async (handles, seconds) => (await use()).changeVisibility(handles, seconds),
    deadLetter: async (message, reason) => (await use()).deadLetter(message, reason),
    [Symbol.dispose]: () => opened?.[Symbol.dispose](),
  };
}
