import type { MailReceiver, MessageStore, OutgoingMessage, SendOutcome } from "@devmesh/agents";
import { AppError, maxMailboxBytes, maxMailboxFrames } from "@devmesh/models";
import { createBatchWriter } from "@devmesh/tasks";

/** What the sender of a message is told. */
export interface Accepted {
  readonly accepted: number;
  readonly queued: number;
}

/** Sends messages of this node's agents. */
export interface Messenger {
  /**
   * Resolves once the message is in the mailboxes of all it reaches. Messages of one sender go in the order of the calls.
   *
   * @throws AppError `not_found` if `to` names no agent; `resource_exhausted`, reason `mailbox_full`, if its mailbox is
   * full; `resource_exhausted` when too many messages wait here.
   */
  send(message: OutgoingMessage): Promise<Accepted>;
}

/** Messages of one transaction, messages that may go to many counting for sixteen; transactions; waiting. Judgement. */
const maxBatch = 64;
const manyWeight = 16;
const concurrency = 2;
const maxWaiting = 20_000;
/** When a full mailbox may have room again: agents acknowledge, and nodes write that, every 15 s. */
const fullRetryMs = 15_000;

/** Makes the messenger; `tell` hears after each commit who has mail, and must not throw. */
export function createMessenger(store: MessageStore, tell: (receivers: readonly MailReceiver[]) => void): Messenger {
  const writer = createBatchWriter<OutgoingMessage, SendOutcome>({
    run: async (messages) => {
      const outcomes = await store.send(messages);
      tell(outcomes.flatMap((outcome) => (outcome.kind === "sent" ? outcome.receivers : [])));
      return outcomes;
    },
    maxBatch,
    concurrency,
    maxWaiting,
    keyOf: ({ senderId }) => senderId,
    ownerOf: ({ tenantId }) => tenantId,
    weigh: ({ target }) => ("to" in target ? 1 : manyWeight),
  });
  return {
    async send(message) {
      const outcome = await writer.add(message);
      switch (outcome.kind) {
        case "sent":
          return { accepted: outcome.accepted, queued: outcome.queued };
        case "unknown":
          throw new AppError("not_found", `no agent ${nameOf(message)}`);
        case "full":
          throw new AppError(
            "resource_exhausted",
            `the mailbox of ${nameOf(message)} is full, its limit is ${maxMailboxFrames} frames or ${maxMailboxBytes} bytes`,
            { reason: "mailbox_full", retryAfterMs: fullRetryMs },
          );
      }
    },
  };
}

function nameOf({ target }: OutgoingMessage): string {
  return JSON.stringify("to" in target ? target.to : "");
}
