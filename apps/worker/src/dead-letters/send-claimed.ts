import { AppError, type ErrorCode } from "@devmesh/models";
import type { ClaimedMessage, DeadMessages } from "@devmesh/repositories";
import type { WorkerQueue } from "../queue/open-queue.ts";
import { toSentAttributes } from "./dead-message.ts";

export interface SendDeps {
  readonly queues: readonly Pick<WorkerQueue, "name" | "sendBatch">[];
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
 * Sends claimed messages to their queues again, those that are named or the first hundred. A message may be sent twice
 * when the process dies in between, as SQS itself may deliver it twice.
 */
export async function sendClaimed({ queues, store }: SendDeps, ids?: readonly string[]): Promise<SentClaims> {
  const claimed = await store.findClaimed(ids?.length ?? maxClaimed, ids);
  if (claimed.length === 0) return { sent: 0, failed: 0, outage: undefined };
  const names = [...new Set(claimed.map(({ queue }) => queue))];
  const answers = names.map((name) =>
    sendTo(
      queues.find((queue) => queue.name === name),
      claimed.filter(({ queue }) => queue === name),
    ),
  );
  const untaken = (await Promise.all(answers)).flat();
  const untakenIds = new Set(untaken.map(({ id }) => id));
  const sent = claimed.filter(({ id }) => !untakenIds.has(id)).map(({ id }) => id);
  const outage = untaken.find(({ error }) => passing.includes(error.code))?.error;
  const failed = untaken
    .filter(({ error }) => !passing.includes(error.code))
    .map(({ id, error }) => ({ id, detail: error.message }));
  await store.settle({ sent, failed });
  return { sent: sent.length, failed: failed.length, outage };
}

async function sendTo(
  queue: SendDeps["queues"][number] | undefined,
  claimed: readonly ClaimedMessage[],
): Promise<Awaited<ReturnType<WorkerQueue["sendBatch"]>>> {
  if (queue !== undefined) {
    return queue.sendBatch(claimed.map((one) => ({ id: one.id, body: one.body, attributes: toSentAttributes(one) })));
  }
  return claimed.map((one) => ({ id: one.id, error: new AppError("not_found", `no queue ${one.queue}`) }));
}
