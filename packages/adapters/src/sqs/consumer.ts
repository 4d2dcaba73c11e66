import type { Logger } from "@devmesh/observability";
import { createDeleteBatcher } from "./delete-batcher.ts";
import { handleMessage, type MessageHandler } from "./handle-message.ts";
import { holdMessages } from "./messages-in-hand.ts";
import { createPause } from "./pause.ts";
import { receiveMessages } from "./receive-messages.ts";
import type { SqsQueue } from "./sqs-queue.ts";

/** What is drained, by whom, and how fast. */
export interface ConsumerOptions {
  readonly queue: SqsQueue;
  /**
   * Handles one message, at least once each. What it throws is decided about by code: what can never be right goes to
   * the dead-letter queue, what somebody else did is acknowledged, the rest is tried again later.
   */
  readonly handler: MessageHandler;
  /** Messages in hand at a time. Default 10. */
  readonly concurrency?: number;
  /** 1–10. Default 10. */
  readonly batchSize?: number;
  /** 0–20. Default 20. */
  readonly waitTimeSeconds?: number;
  /** Renewed at a third of it for as long as a handler works. Default 30. */
  readonly visibilityTimeoutSeconds?: number;
  /** Ends receiving; disposal then waits for what is in hand. */
  readonly signal: AbortSignal;
  /** While it says no, nothing is received, so that no healthy message dies of redeliveries. Asked every second. */
  readonly canReceive?: () => boolean;
  /** How long handlers may go on after the end, before their signal aborts. Default 15 s. */
  readonly graceMs?: number;
  readonly logger: Logger;
}

/** A consumer at work; disposal ends it gracefully. */
export interface Consumer extends AsyncDisposable {
  /** Makes a consumer that paused ask `canReceive`, or try the queue, at once. */
  nudge(): void;
  /** Messages in hand. */
  readonly inFlight: number;
}

/** What an aborted handler has to clean up in. */
const abortGraceMs = 1_000;

/**
 * Starts draining a queue. It runs until `signal` aborts, through any outage of SQS: receiving backs off, doubling to
 * 5 s, and recovers by itself.
 *
 * Disposal (with or without the signal) stops receiving, waits `graceMs` for handlers, aborts their signal, and makes
 * what still won't finish visible again at once, for others. The open long poll is aborted: a message that SQS hands to
 * it at that very moment comes again when its visibility ends.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
  const { queue, signal, logger, handler, concurrency = 10, batchSize = 10, waitTimeSeconds = 20 } = options;
  const { visibilityTimeoutSeconds = 30, graceMs = 15_000, canReceive = () => true } = options;
  const stopping = new AbortController();
  const work = new AbortController();
  const pause = createPause();
  const inHand = holdMessages({ queue, visibilityTimeoutSeconds, logger });
  const handling = {
    queue,
    deleter: createDeleteBatcher(queue, logger),
    handler,
    signal: work.signal,
    isStillOurs: () => !inHand.isGivenBack,
    logger,
  };
  const receiving = receiveMessages({
    queue,
    inHand,
    take: (message) => inHand.hold(message, handleMessage(message, handling)),
    concurrency,
    batchSize,
    waitTimeSeconds,
    visibilityTimeoutSeconds,
    canReceive,
    pause,
    signal: AbortSignal.any([signal, stopping.signal]),
    logger,
  });

  async function stop(): Promise<void> {
    stopping.abort();
    await receiving;
    await inHand.waitForAll(graceMs);
    work.abort();
    if (inHand.size > 0) await inHand.waitForAll(abortGraceMs);
    await inHand.giveBack();
  }

  let closing: Promise<void> | undefined;
  return {
    nudge: pause.wake,
    get inFlight() {
      return inHand.size;
    },
    [Symbol.asyncDispose]: () => {
      closing ??= stop();
      return closing;
    },
  };
}
