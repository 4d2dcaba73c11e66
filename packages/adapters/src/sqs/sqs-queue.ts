import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { AppError, toAppError } from "@devmesh/models";
import { type BreakerOptions, createBreaker } from "../breaker.ts";
import { type FailedMessage, type OutgoingMessage, splitBatches } from "./split-batches.ts";
import { toSqsError } from "./sqs-error.ts";

export interface SqsQueueOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Where messages go that can never be handled. Without one they are left to the queue's own redrive. */
  readonly deadLetterUrl?: string;
  readonly breaker?: BreakerOptions;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  /** Names this receipt, for deleting and for visibility. */
  readonly receiptHandle: string;
  /** 1 on the first delivery. */
  readonly receiveCount: number;
}

export interface ReceiveOptions {
  /** 1–10. */
  readonly maxMessages: number;
  /** 0–20. */
  readonly waitTimeSeconds: number;
  readonly visibilityTimeoutSeconds: number;
  readonly signal: AbortSignal;
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
const maxEntries = 10;
/** Attribute values are at most 256 KiB with the body; a reason is a sentence. */
const maxReasonLength = 1_000;

type Call<T> = (signal: AbortSignal) => Promise<T>;

/** Opens a queue by URL; nothing is sent before the first call. */
export function sqsQueue(options: SqsQueueOptions): SqsQueue {
  const { client, queueUrl: QueueUrl, deadLetterUrl } = options;
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

  async function sendOne(batch: readonly OutgoingMessage[]): Promise<readonly FailedMessage[]> {
    const command = new SendMessageBatchCommand({ QueueUrl, Entries: batch.map(toEntry) });
    const answer = await send((abortSignal) => client.send(command, { abortSignal }));
    return (answer.Failed ?? []).map((entry) => ({
      id: batch[Number(entry.Id)]?.id ?? "",
      error: toEntryError(entry),
    }));
  }

  async function deleteBatch(handles: readonly string[]): Promise<readonly string[]> {
    const failed: string[] = [];
    for (const part of cut(handles)) {
      const Entries = part.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      const command = new DeleteMessageBatchCommand({ QueueUrl, Entries });
      const answer = await remove((abortSignal) => client.send(command, { abortSignal }));
      for (const { Id } of answer.Failed ?? []) failed.push(part[Number(Id)] ?? "");
    }
    return failed;
  }

  return {
    sendBatch: (messages) => sendAll(messages, sendOne),
    receive: async ({ maxMessages, waitTimeSeconds, visibilityTimeoutSeconds, signal }) => {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: maxMessages,
        WaitTimeSeconds: waitTimeSeconds,
        VisibilityTimeout: visibilityTimeoutSeconds,
        MessageSystemAttributeNames: ["ApproximateReceiveCount"],
      });
      const answer = await receive((abortSignal) => client.send(command, { abortSignal }), signal);
      return (answer.Messages ?? []).flatMap(toReceived);
    },
    deleteBatch,
    changeVisibility: async (handles, seconds) => {
      for (const part of cut(handles)) {
        const Entries = part.map((ReceiptHandle, index) => ({
          Id: String(index),
          ReceiptHandle,
          VisibilityTimeout: seconds,
        }));
        const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
        await change((abortSignal) => client.send(command, { abortSignal }));
      }
    },
    deadLetter: async (message, reason) => {
      if (deadLetterUrl === undefined) throw new AppError("failed_precondition", "the queue has no dead-letter queue");
      const command = toDeadLetter(deadLetterUrl, message, reason);
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

type SendOne = (batch: readonly OutgoingMessage[]) => Promise<readonly FailedMessage[]>;

async function sendAll(messages: readonly OutgoingMessage[], sendOne: SendOne): Promise<readonly FailedMessage[]> {
  const { batches, tooLarge } = splitBatches(messages);
  const failed = [...tooLarge];
  let outage: AppError | undefined;
  for (const batch of batches) {
    // Once the service failed the rest would only wait for it, batch by batch.
    if (outage !== undefined) {
      failed.push(...failAll(batch, outage));
      continue;
    }
    const result = await tryBatch(batch, sendOne);
    failed.push(...result.failed);
    outage = result.outage;
  }
  return failed;
}

interface BatchResult {
  readonly failed: readonly FailedMessage[];
  readonly outage: AppError | undefined;
}

/** One body that SQS refuses fails its whole batch: each is then sent by itself, so that only the bad one fails. */
async function tryBatch(batch: readonly OutgoingMessage[], sendOne: SendOne): Promise<BatchResult> {
  try {
    return { failed: await sendOne(batch), outage: undefined };
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code !== "invalid_argument") return { failed: failAll(batch, error), outage: error };
    if (batch.length === 1) return { failed: failAll(batch, error), outage: undefined };
  }
  const failed: FailedMessage[] = [];
  for (const message of batch) failed.push(...(await tryBatch([message], sendOne)).failed);
  return { failed, outage: undefined };
}

function failAll(batch: readonly OutgoingMessage[], error: AppError): readonly FailedMessage[] {
  return batch.map(({ id }) => ({ id, error }));
}

function toEntry({ id, body, groupId }: OutgoingMessage, index: number): SendMessageBatchRequestEntry {
  const order = groupId === undefined ? {} : { MessageGroupId: groupId, MessageDeduplicationId: id };
  return { Id: String(index), MessageBody: body, ...order };
}

function toEntryError(entry: BatchResultErrorEntry): AppError {
  const code = entry.SenderFault === true ? "invalid_argument" : "unavailable";
  return new AppError(code, `sqs send failed: ${entry.Code ?? "unknown error"}`, { reason: "sqs", cause: entry });
}

function toReceived(message: Message): ReceivedMessage[] {
  const { MessageId: id, Body: body, ReceiptHandle: receiptHandle, Attributes } = message;
  if (id === undefined || receiptHandle === undefined) return [];
  return [{ id, body: body ?? "", receiptHandle, receiveCount: Number(Attributes?.["ApproximateReceiveCount"] ?? 1) }];
}

function toDeadLetter(url: string, message: ReceivedMessage, reason: string): SendMessageCommand {
  const text = (value: string): { DataType: string; StringValue: string } => ({
    DataType: "String",
    StringValue: value,
  });
  return new SendMessageCommand({
    QueueUrl: url,
    MessageBody: message.body,
    MessageAttributes: {
      reason: text(reason.slice(0, maxReasonLength) || "unknown"),
      messageId: text(message.id),
      receiveCount: text(String(message.receiveCount)),
    },
    ...(url.endsWith(".fifo") && { MessageGroupId: "dead-letters", MessageDeduplicationId: message.id }),
  });
}

function cut(handles: readonly string[]): ReadonlyArray<readonly string[]> {
  const parts: (readonly string[])[] = [];
  for (let start = 0; start < handles.length; start += maxEntries) parts.push(handles.slice(start, start + maxEntries));
  return parts;
}
