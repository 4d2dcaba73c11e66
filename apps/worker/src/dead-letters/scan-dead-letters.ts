import type { ReceivedMessage } from "@devmesh/adapters";
import type { DeadMessages, MessageStanding } from "@devmesh/repositories";
import type { DeadLetterQueue } from "../queue/open-queue.ts";
import { deadLetterIdOf, redrivesOf, toDied } from "./dead-message.ts";

export interface ScanDeps {
  readonly deadLetters: DeadLetterQueue;
  readonly store: Pick<DeadMessages, "record" | "standings" | "findPurging" | "markPurged">;
  /** Of the queue that the dead letters come from. */
  readonly queueName: string;
  /** Told of what SQS itself gave up, before that is entered: nobody else noticed. */
  readonly onMoved?: ((bodies: readonly string[]) => Promise<void>) | undefined;
}

/** What a look through a dead-letter queue found. */
export interface Scan {
  /** Dead letters that still lie there. */
  readonly left: ReadonlySet<string>;
  /** False where there was more than one scan takes: the next one sees other messages first. */
  readonly isComplete: boolean;
}

/** Messages looked at in one scan: 100 receives. Judgement. */
const maxMessages = 1_000;
/** Hidden from the rest of this scan, and, where it was not complete, from the next. */
const hiddenSeconds = 120;
const batchSize = 10;
/** Not at once: fauxqs 2.4.1 with a folder loses a message whose visibility is set to zero. */
const visibleAgainSeconds = 1;

/**
 * Looks through a dead-letter queue: enters what SQS itself moved there, deletes the copies of what was redriven or purged,
 * and leaves the rest where it is, visible again.
 */
export async function scanDeadLetters(deps: ScanDeps, signal: AbortSignal): Promise<Scan> {
  const { deadLetters, store, queueName } = deps;
  const purging = await store.findPurging(queueName, maxMessages);
  const left = new Set<string>();
  const held: string[] = [];
  let isComplete = false;
  try {
    for (let seen = 0; seen < maxMessages && !signal.aborted; ) {
      // a short poll may answer nothing though there is something
      const how = { maxMessages: batchSize, waitTimeSeconds: 1, visibilityTimeoutSeconds: hiddenSeconds };
      const messages = await deadLetters.receive({ ...how, signal });
      isComplete = messages.length === 0;
      if (isComplete) break;
      seen += messages.length;
      const kept = await sortOut(messages, deps);
      for (const message of kept) {
        left.add(deadLetterIdOf(message));
        held.push(message.receiptHandle);
      }
    }
  } finally {
    if (isComplete || signal.aborted) await deadLetters.changeVisibility(held, visibleAgainSeconds);
  }
  if (isComplete && purging.length > 0) await store.markPurged(purging);
  return { left, isComplete };
}

/** Answers the messages that stay. */
async function sortOut(
  messages: readonly ReceivedMessage[],
  { deadLetters, store, queueName, onMoved }: ScanDeps,
): Promise<readonly ReceivedMessage[]> {
  const standings = await store.standings(messages.map(deadLetterIdOf));
  const isOver = (message: ReceivedMessage): boolean => isCopy(message, standings.get(deadLetterIdOf(message)));
  const over = messages.filter(isOver);
  const kept = messages.filter((message) => !isOver(message));
  const unknown = kept.filter((message) => {
    const state = standings.get(deadLetterIdOf(message))?.state;
    return state === undefined || state === "redriven";
  });
  const moved = unknown.filter((message) => message.attributes?.["reason"] === undefined);
  if (moved.length > 0) await onMoved?.(moved.map(({ body }) => body));
  const died = unknown.map((message) => toDied(message, queueName, message.attributes?.["reason"]));
  if (died.length > 0) await store.record([...new Map(died.map((one) => [one.id, one])).values()]);
  if (over.length > 0) await deadLetters.deleteBatch(over.map(({ receiptHandle }) => receiptHandle));
  return kept;
}

/** True for what was purged, and for what was sent again since it was buried. SQS's own moves leave no copy behind. */
function isCopy(message: ReceivedMessage, standing: MessageStanding | undefined): boolean {
  if (standing === undefined) return false;
  if (standing.state === "purging" || standing.state === "purged") return true;
  const isHandled = standing.state === "redriven" || standing.state === "dead";
  return isHandled && !standing.isMoved && redrivesOf(message) < standing.redrives;
}
