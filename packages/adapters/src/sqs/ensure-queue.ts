import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { AppError } from "@devmesh/models";
import { toSqsError } from "./sqs-error.ts";

/** Settings of a queue and of its dead-letter queue. */
export interface EnsureQueueOptions {
  readonly dlqName: string;
  /** After this many receives SQS itself moves a message to the dead-letter queue. */
  readonly maxReceiveCount: number;
  readonly visibilityTimeoutSeconds: number;
}

/** Where the two queues are, as SQS names them. */
export interface QueueUrls {
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
}

/** Dead letters are kept as long as SQS keeps anything: 14 days. */
const deadLetterRetentionSeconds = 1_209_600;

/**
 * Makes a queue and its dead-letter queue, or brings those that exist to the given settings. Idempotent, and safe when
 * several processes do it at once. Names that end in `.fifo` make FIFO queues; both must, or neither.
 *
 * @throws AppError as every operation on SQS.
 */
export async function ensureQueue(client: SQSClient, name: string, options: EnsureQueueOptions): Promise<QueueUrls> {
  try {
    const deadLetterUrl = await createQueue(client, options.dlqName);
    const queueUrl = await createQueue(client, name);
    await setAttributes(client, deadLetterUrl, { MessageRetentionPeriod: String(deadLetterRetentionSeconds) });
    await setAttributes(client, queueUrl, {
      VisibilityTimeout: String(options.visibilityTimeoutSeconds),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await readArn(client, deadLetterUrl),
        maxReceiveCount: options.maxReceiveCount,
      }),
    });
    return { queueUrl, deadLetterUrl };
  } catch (error) {
    throw toSqsError(error, "sqs ensure queue");
  }
}

/** Without settings `CreateQueue` answers an existing queue as it is; with other settings it would refuse. */
async function createQueue(client: SQSClient, name: string): Promise<string> {
  const attributes = name.endsWith(".fifo") ? { Attributes: { FifoQueue: "true" } } : {};
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, ...attributes }));
  if (QueueUrl === undefined) throw new AppError("unavailable", `sqs gave no URL for the queue ${name}`);
  return QueueUrl;
}

async function setAttributes(client: SQSClient, url: string, attributes: Record<string, string>): Promise<void> {
  await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: attributes }));
}

async function readArn(client: SQSClient, url: string): Promise<string> {
  const answer = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  const arn = answer.Attributes?.["QueueArn"];
  if (arn === undefined) throw new AppError("unavailable", `sqs gave no ARN for the queue ${url}`);
  return arn;
}
