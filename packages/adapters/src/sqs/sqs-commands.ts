import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { AppError } from "@devmesh/models";
import type { OutgoingMessage, ReceivedMessage, ReceiveOptions } from "./queue-message.ts";

/** Attribute values are at most 256 KiB with the body; a reason is a sentence. */
const maxReasonLength = 1_000;
const maxAttributes = 10;

/** Entries are named by their index in `batch`, since SQS restricts what an entry's name may contain. */
export function toSendCommand(queueUrl: string, batch: readonly OutgoingMessage[]): SendMessageBatchCommand {
  return new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: batch.map(toEntry) });
}

/** Asks for the receive count as well, which SQS leaves out otherwise. */
export function toReceiveCommand(queueUrl: string, options: Omit<ReceiveOptions, "signal">): ReceiveMessageCommand {
  return new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: options.maxMessages,
    WaitTimeSeconds: options.waitTimeSeconds,
    VisibilityTimeout: options.visibilityTimeoutSeconds,
    MessageSystemAttributeNames: ["ApproximateReceiveCount"],
    MessageAttributeNames: ["All"],
  });
}

/** Entries are named by their index in `handles`, of which there are at most ten. */
export function toDeleteCommand(queueUrl: string, handles: readonly string[]): DeleteMessageBatchCommand {
  const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
  return new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries });
}

/** Sets the visibility of at most ten messages to `seconds` from now, 0 to 43,200. */
export function toVisibilityCommand(
  queueUrl: string,
  handles: readonly string[],
  seconds: number,
): ChangeMessageVisibilityBatchCommand {
  const Entries = handles.map((ReceiptHandle, index) => ({
    Id: String(index),
    ReceiptHandle,
    VisibilityTimeout: seconds,
  }));
  return new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries });
}

/** Copies a message, with what it was buried for as attributes. On a FIFO queue a second copy is swallowed. */
export function toDeadLetterCommand(queueUrl: string, message: ReceivedMessage, reason: string): SendMessageCommand {
  return new SendMessageCommand({
    QueueUrl: queueUrl,
    MessageBody: message.body,
    MessageAttributes: toAttributes({
      ...message.attributes,
      reason: reason.slice(0, maxReasonLength) || "unknown",
      messageId: message.id,
      receiveCount: String(message.receiveCount),
    }),
    ...(queueUrl.endsWith(".fifo") && { MessageGroupId: "dead-letters", MessageDeduplicationId: message.id }),
  });
}

/** None for a message without a name or a receipt, which nothing could be done about. */
export function toReceived(message: Message): ReceivedMessage[] {
  const { MessageId: id, Body: body = "", ReceiptHandle: receiptHandle, Attributes } = message;
  if (id === undefined || receiptHandle === undefined) return [];
  const receiveCount = Number(Attributes?.["ApproximateReceiveCount"] ?? 1);
  const attributes = Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).flatMap(([name, { StringValue }]) =>
      StringValue === undefined ? [] : [[name, StringValue]],
    ),
  );
  return [{ id, body, receiptHandle, receiveCount, attributes }];
}

/** SQS takes ten; of more the last are kept, which are ours. Empty values it refuses. */
function toAttributes(attributes: Readonly<Record<string, string>>): Record<string, MessageAttributeValue> {
  const kept = Object.entries(attributes)
    .filter(([, value]) => value !== "")
    .slice(-maxAttributes);
  return Object.fromEntries(kept.map(([name, StringValue]) => [name, { DataType: "String", StringValue }]));
}

/** `invalid_argument` where SQS says that it is the sender's fault, else `unavailable`. */
export function toEntryError(entry: BatchResultErrorEntry): AppError {
  const code = entry.SenderFault === true ? "invalid_argument" : "unavailable";
  return new AppError(code, `sqs send failed: ${entry.Code ?? "unknown error"}`, { reason: "sqs", cause: entry });
}

function toEntry({ id, body, groupId, attributes }: OutgoingMessage, index: number): SendMessageBatchRequestEntry {
  const order = groupId === undefined ? {} : { MessageGroupId: groupId, MessageDeduplicationId: id };
  const marks = attributes === undefined ? {} : { MessageAttributes: toAttributes(attributes) };
  return { Id: String(index), MessageBody: body, ...order, ...marks };
}
