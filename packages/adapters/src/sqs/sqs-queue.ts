import type { SQSClient } from "@aws-sdk/client-sqs";
import { AppError } from "@devmesh/models";
import { type BreakerOptions, createBreaker } from "../breaker.ts";
import type { FailedMessage, OutgoingMessage, ReceivedMessage, ReceiveOptions } from "./queue-message.ts";
import { sendBatches } from "./send-batches.ts";
import { maxBatchEntries } from "./split-batches.ts";
import {
  toDeadLetterCommand,
  toDeleteCommand,
  toEntryError,
  toReceiveCommand,
  toReceived,
  toSendCommand,
  toVisibilityCommand,
} from "./sqs-commands.ts";
import { toSqsError } from "./sqs-error.ts";

/** Which queue, over which client. The client stays the caller's. */
export interface SqsQueueOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Where messages go that can never be handled. Without one they are left to the queue's own redrive. */
  readonly deadLetterUrl?: string;
  readonly breaker?: BreakerOptions;
}

/** One queue, with a breaker for each of its operations. Batches of any size are cut as SQS wants them. */
export interface SqsQueue extends Disposable {
  /** Sends in order and never rejects: what was not taken comes back, each with its own error. */
  sendBatch(messages: readonly OutgoingMessage[]): Promise<readonly FailedMessage[]>;
  /** Waits for messages; none is an empty list. */
  receive(options: ReceiveOptions): Promise<readonly ReceivedMessage[]>;
  /** Answers the receipt handles that were not deleted. */
  deleteBatch(receiptHandles: readonly string[]): Promise<readonly string[]>;
  /** Makes messages visible again after `seconds`, 0 to 43,200. A receipt that is no longer valid is passed over. */
  changeVisibility(receiptHandles: readonly string[], seconds: number): Promise<void>;
  /** Copies a message to the dead-letter queue, with `reason` as an attribute, and then deletes it. */
  deadLetter(message: ReceivedMessage, reason: string): Promise<void>;
}

/** All calls but the long poll end within this. */
const callTimeoutMs = 5_000;

type Call<T> = (signal: AbortSignal) => Promise<T>;

/** Opens a queue by URL; nothing is sent before the first call. */
export function sqsQueue(options: SqsQueueOptions): SqsQueue {
  const { client, queueUrl, deadLetterUrl } = options;
  const breakers = new DisposableStack();

  function guard(operation: string): <T>(call: Call<T>, signal?: AbortSignal) => Promise<T> {
    const breaker = breakers.use(createBreaker(operation, options.breaker));
    return (call, signal = AbortSignal.timeout(callTimeoutMs)) =>
      breaker.run(() => call(signal).catch((error: unknown) => Promise.reject(toCallError(error, operation, signal))));
  }

  const send = guard("sqs send");
  const receive = guard("sqs receive");
  const remove = guard("sqs delete");
  const change = guard("sqs change visibility");
  const bury = guard("sqs dead-letter");

  async function sendBatch(batch: readonly OutgoingMessage[]): Promise<readonly FailedMessage[]> {
    const command = toSendCommand(queueUrl, batch);
    const { Failed = [] } = await send((abortSignal) => client.send(command, { abortSignal }));
    return Failed.map((entry) => ({ id: batch[Number(entry.Id)]?.id ?? "", error: toEntryError(entry) }));
  }

  async function deleteBatch(handles: readonly string[]): Promise<readonly string[]> {
    const failed: string[] = [];
    for (const part of cut(handles)) {
      const command = toDeleteCommand(queueUrl, part);
      const { Failed = [] } = await remove((abortSignal) => client.send(command, { abortSignal }));
      for (const { Id } of Failed) failed.push(part[Number(Id)] ?? "");
    }
    return failed;
  }

  return {
    sendBatch: (messages) => sendBatches(messages, sendBatch),
    receive: async ({ signal, ...how }) => {
      const command = toReceiveCommand(queueUrl, how);
      const { Messages = [] } = await receive((abortSignal) => client.send(command, { abortSignal }), signal);
      return Messages.flatMap(toReceived);
    },
    deleteBatch,
    changeVisibility: async (handles, seconds) => {
      for (const part of cut(handles)) {
        const command = toVisibilityCommand(queueUrl, part, seconds);
        await change((abortSignal) => client.send(command, { abortSignal }));
      }
    },
    deadLetter: async (message, reason) => {
      if (deadLetterUrl === undefined) throw new AppError("failed_precondition", "the queue has no dead-letter queue");
      const command = toDeadLetterCommand(deadLetterUrl, message, reason);
      await bury((abortSignal) => client.send(command, { abortSignal }));
      await deleteBatch([message.receiptHandle]);
    },
    [Symbol.dispose]: () => breakers.dispose(),
  };
}

/** A call that its own time limit ended is late, not cancelled. */
function toCallError(error: unknown, operation: string, signal: AbortSignal): AppError {
  const isLate = signal.aborted && signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  if (!isLate) return toSqsError(error, operation);
  return new AppError("deadline_exceeded", `${operation} took longer than ${callTimeoutMs} ms`, { cause: error });
}

function cut(handles: readonly string[]): ReadonlyArray<readonly string[]> {
  const count = Math.ceil(handles.length / maxBatchEntries);
  return Array.from({ length: count }, (_, part) =>
    handles.slice(part * maxBatchEntries, (part + 1) * maxBatchEntries),
  );
}
