import { toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { createDeleteBatcher } from "./delete-batcher.ts";
import { type HandlerOutcome, levelOf, type Settlement, settleError, settleOutcome } from "./message-outcome.ts";
import { createPause } from "./pause.ts";
import type { ReceivedMessage, SqsQueue } from "./sqs-queue.ts";

export interface ConsumerOptions {
  readonly queue: SqsQueue;
  /**
   * Handles one message, at least once each. What it throws is decided about by code: what can never be right goes to
   * the dead-letter queue, what somebody else did is acknowledged, the rest is tried again later.
   */
  readonly handler: (message: ReceivedMessage, signal: AbortSignal) => Promise<HandlerOutcome>;
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

export interface Consumer extends AsyncDisposable {
  /** Makes a consumer that paused ask `canReceive`, or try the queue, at once. */
  nudge(): void;
  /** Messages in hand. */
  readonly inFlight: number;
}

const minBackoffMs = 250;
/** A queue that is back is noticed within this. */
const maxBackoffMs = 5_000;
const recheckMs = 1_000;
/** What an aborted handler has to clean up in. */
const abortGraceMs = 1_000;
/** The longest that SQS can hide a message, 12 h. */
const maxVisibilitySeconds = 43_200;

/**
 * Starts draining a queue. It runs until `signal` aborts, through any outage of SQS: receiving backs off, doubling to
 * 5 s, and recovers by itself.
 *
 * Disposal (with or without the signal) stops receiving, waits `graceMs` for handlers, aborts their signal, and makes
 * what still won't finish visible again at once, for others. The open long poll is aborted: a message that SQS hands to
 * it at that very moment comes again when its visibility ends.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
  const { queue, signal, logger, concurrency = 10, batchSize = 10, waitTimeSeconds = 20 } = options;
  const { visibilityTimeoutSeconds = 30, graceMs = 15_000, canReceive = () => true } = options;
  const stopping = new AbortController();
  const work = new AbortController();
  const finished = new AbortController();
  const intake = AbortSignal.any([signal, stopping.signal]);
  const inHand = new Map<ReceivedMessage, Promise<void>>();
  const deleter = createDeleteBatcher(queue, logger);
  const pause = createPause();
  const slots = createPause();
  const rest = createPause();
  let failures = 0;

  async function receiveOnce(): Promise<void> {
    const free = concurrency - inHand.size;
    if (free <= 0) {
      await slots.wait(recheckMs, intake);
      return;
    }
    if (!canReceive()) {
      await pause.wait(recheckMs, intake);
      return;
    }
    const maxMessages = Math.min(batchSize, free);
    const messages = await queue.receive({ maxMessages, waitTimeSeconds, visibilityTimeoutSeconds, signal: intake });
    if (failures > 0) logger.info({ failures }, "queue is back");
    failures = 0;
    for (const message of messages) inHand.set(message, handle(message));
  }

  async function receiveAll(): Promise<void> {
    while (!intake.aborted) {
      try {
        await receiveOnce();
      } catch (err) {
        if (intake.aborted) return;
        const pauseMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** failures);
        failures += 1;
        logger[pauseMs >= maxBackoffMs ? "error" : "warn"]({ err, failures, pauseMs }, "receive failed, backing off");
        await pause.wait(pauseMs, intake);
      }
    }
  }

  async function handle(message: ReceivedMessage): Promise<void> {
    try {
      await settle(message, await decide(message));
    } catch (err) {
      // Undecided, the message comes again when its visibility ends.
      logger.warn({ err, messageId: message.id }, "message not settled");
    } finally {
      inHand.delete(message);
      slots.wake();
    }
  }

  async function decide(message: ReceivedMessage): Promise<Settlement> {
    try {
      return settleOutcome(await options.handler(message, work.signal));
    } catch (caught) {
      if (work.signal.aborted) return { kind: "retry", afterMs: 0 };
      const error = toAppError(caught);
      const settlement = settleError(error, message);
      logger[levelOf(error)]({ err: caught, messageId: message.id, settlement: settlement.kind }, "message failed");
      return settlement;
    }
  }

  async function settle(message: ReceivedMessage, settlement: Settlement): Promise<void> {
    if (finished.signal.aborted) return; // given back meanwhile: somebody else's now
    switch (settlement.kind) {
      case "delete":
        return deleter.remove(message.receiptHandle);
      case "deadLetter":
        return queue.deadLetter(message, settlement.reason);
      case "retry": {
        const seconds = Math.min(maxVisibilitySeconds, Math.ceil(settlement.afterMs / 1_000));
        return queue.changeVisibility([message.receiptHandle], seconds);
      }
    }
  }

  async function keepInvisible(): Promise<void> {
    while (!finished.signal.aborted) {
      await rest.wait((visibilityTimeoutSeconds * 1_000) / 3, finished.signal);
      if (finished.signal.aborted) return;
      await changeAll(visibilityTimeoutSeconds, "visibility not renewed");
    }
  }

  async function changeAll(seconds: number, complaint: string): Promise<void> {
    const handles = [...inHand.keys()].map(({ receiptHandle }) => receiptHandle);
    if (handles.length === 0) return;
    await queue
      .changeVisibility(handles, seconds)
      .catch((err: unknown) => logger.warn({ err, messages: handles.length }, complaint));
  }

  async function waitForHandlers(ms: number): Promise<void> {
    const done = new AbortController();
    const all = Promise.all(inHand.values());
    await Promise.race([all, rest.wait(ms, done.signal)]);
    done.abort();
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await receiving;
    await waitForHandlers(graceMs);
    work.abort();
    if (inHand.size > 0) await waitForHandlers(abortGraceMs);
    finished.abort();
    await Promise.all([changeAll(0, "messages not given back"), renewing]);
    inHand.clear();
  }

  const receiving = receiveAll();
  const renewing = keepInvisible();
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
