import { AppError } from "@devmesh/models";
import type { FailedMessage, OutgoingMessage } from "./queue-message.ts";

/** Every batch operation of SQS takes ten entries. */
export const maxBatchEntries = 10;
/** The classic limit of a message and of a batch, 256 KiB. */
const maxBytes = 262_144;

export interface SplitMessages {
  readonly batches: ReadonlyArray<readonly OutgoingMessage[]>;
  /** What no batch can hold. */
  readonly tooLarge: readonly FailedMessage[];
}

/** Cuts messages, in order, into batches of at most ten entries and 256 KiB together. */
export function splitBatches(messages: readonly OutgoingMessage[]): SplitMessages {
  const batches: OutgoingMessage[][] = [];
  const tooLarge: FailedMessage[] = [];
  let room = 0;
  for (const message of messages) {
    const bytes = Buffer.byteLength(message.body);
    const last = batches.at(-1);
    if (bytes > maxBytes) tooLarge.push({ id: message.id, error: tooLargeError(bytes) });
    else if (last !== undefined && last.length < maxBatchEntries && bytes <= room) {
      last.push(message);
      room -= bytes;
    } else {
      batches.push([message]);
      room = maxBytes - bytes;
    }
  }
  return { batches, tooLarge };
}

function tooLargeError(bytes: number): AppError {
  return new AppError("invalid_argument", `message of ${bytes} bytes exceeds the limit of ${maxBytes}`, {
    reason: "payload_too_large",
  });
}
