import type { SqsQueue } from "@devmesh/adapters";
import type { AppError, ErrorCode } from "@devmesh/models";
import type { DeadMessages } from "@devmesh/repositories";
import { toSentAttributes } from "./dead-message.ts";

export interface SendDeps {
  readonly queue: Pick<SqsQueue, "sendBatch">;
  readonly store: Pick<DeadMessages, "findClaimed" | "settle">;
}

/** What became of claimed messages; `outage`: some wait, because SQS is away. */
export interface SentClaims {
  readonly sent: number;
  readonly failed: number;
  readonly outage: AppError | undefined;
}

/** What passes by itself: the messages stay claimed. */
const passing: readonly ErrorCode[] = ["unavailable", "deadline_exceeded", "resource_exhausted", "cancelled"];
/** Of one round: ten calls. */
const maxClaimed = 100;

/**
 * Sends claimed messages to their queue again, those that are named or the first hundred. A message may be sent twice
 * when the process dies in between, as SQS itself may deliver it twice.
 */
export async function sendClaimed({ queue, store }: SendDeps, ids?: readonly string[]): Promise<SentClaims> {
  const claimed = await store.findClaimed(ids?.length ?? maxClaimed, ids);
  if (claimed.length === 0) return { sent: 0, failed: 0, outage: undefined };
  const messages = claimed.map((one) => ({ id: one.id, body: one.body, attributes: toSentAttributes(one) }));
  const untaken = await queue.sendBatch(messages);
  const untakenIds = new Set(untaken.map(({ id }) => id));
  const sent = claimed.filter(({ id }) => !untakenIds.has(id)).map(({ id }) => id);
  const outage = untaken.find(({ error }) => passing.includes(error.code))?.error;
  const failed = untaken
    .filter(({ error }) => !passing.includes(error.code))
    .map(({ id, error }) => ({ id, detail: error.message }));
  await store.settle({ sent, failed });
  return { sent: sent.length, failed: failed.length, outage };
}
