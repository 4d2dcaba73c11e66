import { toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { DeleteBatcher } from "./delete-batcher.ts";
import { type HandlerOutcome, levelOf, type Settlement, settleError, settleOutcome } from "./message-outcome.ts";
import type { ReceivedMessage } from "./queue-message.ts";
import type { SqsQueue } from "./sqs-queue.ts";

/** Works on one message, and says what is to become of it. */
export type MessageHandler = (message: ReceivedMessage, signal: AbortSignal) => Promise<HandlerOutcome>;

export interface HandleOptions {
  readonly queue: Pick<SqsQueue, "deadLetter" | "changeVisibility">;
  readonly deleter: DeleteBatcher;
  readonly handler: MessageHandler;
  /** Given to the handler; what fails after it aborted is tried again at once, by others. */
  readonly signal: AbortSignal;
  /** False when the message was given back while its handler worked: it is left alone then. */
  readonly isStillOurs: () => boolean;
  readonly logger: Logger;
}

/** The longest that SQS can hide a message, 12 h. */
const maxVisibilitySeconds = 43_200;

/** Has a message handled and does with it what the outcome, or the error's code, says. It never rejects. */
export async function handleMessage(message: ReceivedMessage, options: HandleOptions): Promise<void> {
  try {
    const settlement = await decide(message, options);
    if (options.isStillOurs()) await settle(message, settlement, options);
  } catch (err) {
    // Undecided, the message comes again when its visibility ends.
    options.logger.warn({ err, messageId: message.id }, "message not settled");
  }
}

async function decide(message: ReceivedMessage, { handler, signal, logger }: HandleOptions): Promise<Settlement> {
  try {
    return settleOutcome(await handler(message, signal));
  } catch (caught) {
    if (signal.aborted) return { kind: "retry", afterMs: 0 };
    const error = toAppError(caught);
    const settlement = settleError(error, message);
    logger[levelOf(error)]({ err: caught, messageId: message.id, settlement: settlement.kind }, "message failed");
    return settlement;
  }
}

async function settle(message: ReceivedMessage, settlement: Settlement, options: HandleOptions): Promise<void> {
  switch (settlement.kind) {
    case "delete":
      return options.deleter.remove(message.receiptHandle);
    case "deadLetter":
      return options.queue.deadLetter(message, settlement.reason);
    case "retry": {
      const seconds = Math.min(maxVisibilitySeconds, Math.ceil(settlement.afterMs / 1_000));
      return options.queue.changeVisibility([message.receiptHandle], seconds);
    }
  }
}
