import { type AppError, toAppError } from "@devmesh/models";
import type { FailedMessage, OutgoingMessage } from "./queue-message.ts";
import { splitBatches } from "./split-batches.ts";

/** Sends at most ten messages in one call, and answers those that SQS refused one by one. */
export type SendBatch = (batch: readonly OutgoingMessage[]) => Promise<readonly FailedMessage[]>;

interface BatchResult {
  readonly failed: readonly FailedMessage[];
  readonly outage: AppError | undefined;
}

/** Sends any number of messages in order, batch by batch. It never rejects: each that was not taken comes back. */
export async function sendBatches(
  messages: readonly OutgoingMessage[],
  sendBatch: SendBatch,
): Promise<readonly FailedMessage[]> {
  const { batches, tooLarge } = splitBatches(messages);
  const failed = [...tooLarge];
  let outage: AppError | undefined;
  for (const batch of batches) {
    // Once the service failed the rest would only wait for it, batch by batch.
    if (outage !== undefined) {
      failed.push(...failAll(batch, outage));
      continue;
    }
    const result = await tryBatch(batch, sendBatch);
    failed.push(...result.failed);
    outage = result.outage;
  }
  return failed;
}

/** One body that SQS refuses fails its whole batch: each is then sent by itself, so that only the bad one fails. */
async function tryBatch(batch: readonly OutgoingMessage[], sendBatch: SendBatch): Promise<BatchResult> {
  try {
    return { failed: await sendBatch(batch), outage: undefined };
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code !== "invalid_argument") return { failed: failAll(batch, error), outage: error };
    if (batch.length === 1) return { failed: failAll(batch, error), outage: undefined };
  }
  const failed: FailedMessage[] = [];
  for (const message of batch) failed.push(...(await tryBatch([message], sendBatch)).failed);
  return { failed, outage: undefined };
}

function failAll(batch: readonly OutgoingMessage[], error: AppError): readonly FailedMessage[] {
  return batch.map(({ id }) => ({ id, error }));
}
