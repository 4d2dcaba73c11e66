import type { SqsQueue } from "@devmesh/adapters";
import {
  type EmbeddingMessage,
  encodeEmbeddingMessage,
  type PendingStore,
  toEmbeddingMessages,
} from "@devmesh/embedding";
import type { CounterMetric, Logger } from "@devmesh/observability";
import { type Nudge, runLoop, sleep } from "@devmesh/runtime";

export interface RelayPendingDeps {
  readonly pending: Pick<PendingStore, "claim" | "backlog">;
  readonly queue: Pick<SqsQueue, "sendBatch">;
  /** Nudged when documents may wait, and when some were embedded or given up: there is room for others. */
  readonly nudge: Nudge;
  readonly claimMs: number;
  /** Told how long the oldest document has waited. */
  readonly onLag: (seconds: number) => void;
  readonly sent: CounterMetric<"outcome">;
  readonly logger: Logger;
}

/**
 * Documents that are on their way at most. The rest waits in the database, where tenants take turns: a message that waited
 * longer in the queue than its claim lasts would be sent twice. Judgement: four documents a second are enough.
 */
const maxOnTheWay = 2_000;
/**
 * Of one tenant, those that were put off included: what its model or its budget holds up holds up nobody else. Two rounds: what
 * a relay that died has claimed and not sent leaves the tenant room for others. Judgement.
 */
const maxOfTenant = maxOnTheWay / 2;
/** Documents claimed in one statement. */
const perRound = 500;
/** How long documents gather before they are claimed. */
const gatherMs = 50;
/** With documents on their way, without news of them: some wait for hours, where a budget is used up. */
const busyMs = 5_000;
/** What no hint told of, the look at everything finds (`look-for-memory.ts`). */
const idleMs = 600_000;

/**
 * Sends messages about documents that wait for vectors, until `signal` aborts; it never rejects. One holder at a time: two
 * would do no harm. What SQS doesn't take is kept, and sent when it is back.
 */
export async function relayPending(deps: RelayPendingDeps, signal: AbortSignal): Promise<void> {
  const unsent: EmbeddingMessage[] = [];
  await runLoop({
    name: "relay pending documents",
    signal,
    logger: deps.logger,
    maxBackoffMs: 5_000,
    work: async () => {
      await send(deps, unsent);
      const state = await relayRound(deps, unsent);
      if (state !== "more") await deps.nudge.wait(state === "busy" ? busyMs : idleMs, signal);
      await sleep(gatherMs, signal);
    },
  });
}

/** `more`: there may be documents to claim at once; `busy`: some are on their way; `idle`: none is. */
async function relayRound(deps: RelayPendingDeps, unsent: EmbeddingMessage[]): Promise<"more" | "busy" | "idle"> {
  const { pending, claimMs, onLag } = deps;
  const { claimed, oldestSeconds } = await pending.backlog(maxOnTheWay);
  onLag(oldestSeconds ?? 0);
  if (oldestSeconds === undefined) return "idle";
  const room = Math.min(perRound, maxOnTheWay - claimed);
  if (room <= 0) return "busy";
  const documents = await pending.claim(room, claimMs, maxOfTenant);
  unsent.push(...toEmbeddingMessages(documents));
  await send(deps, unsent);
  return documents.length === room ? "more" : "busy";
}

/** Takes what was sent out of `unsent`. @throws AppError where SQS did not take something. */
async function send({ queue, sent }: RelayPendingDeps, unsent: EmbeddingMessage[]): Promise<void> {
  if (unsent.length === 0) return;
  const messages = unsent.map((message, index) => ({ id: String(index), body: encodeEmbeddingMessage(message) }));
  const failed = await queue.sendBatch(messages);
  const failedIds = new Set(failed.map(({ id }) => Number(id)));
  sent.inc({ outcome: "sent" }, messages.length - failed.length);
  sent.inc({ outcome: "failed" }, failed.length);
  const left = unsent.filter((_, index) => failedIds.has(index));
  unsent.splice(0, unsent.length, ...left);
  const [first] = failed;
  if (first !== undefined) throw first.error;
}
