import {
  createSqsClient,
  ensureQueue,
  type MessageMoves,
  messageMoves,
  type SqsQueue,
  sqsQueue,
} from "@devmesh/adapters";
import type { QueueConfig } from "../config.ts";
import { openLazily } from "./lazy-queue.ts";

/** Names of queues where they have to be made, and in the view of dead letters. */
export const tasksQueueName = "devmesh-tasks";
export const embeddingsQueueName = "devmesh-embeddings";
/** After so many receives in vain a message is dead. */
export const maxReceiveCount = 5;
const visibilityTimeoutSeconds = 30;
/** A stand-in checks no credentials, but the client signs with some. */
const standInCredentials = { accessKeyId: "devmesh", secretAccessKey: "devmesh" };

/** Where messages lie that could not be handled. Without such a queue it is always empty. */
export type DeadLetterQueue = Pick<SqsQueue, "receive" | "deleteBatch" | "changeVisibility">;

/** One queue of the worker's, with its dead-letter queue. */
export interface WorkerQueue extends SqsQueue {
  readonly name: string;
  readonly deadLetters: DeadLetterQueue;
  readonly moves: Omit<MessageMoves, typeof Symbol.dispose>;
}

/** Opens `devmesh-tasks`, see {@link openQueue}. */
export function openTasksQueue(config: QueueConfig): WorkerQueue {
  return openQueue(tasksQueueName, config);
}

/** Opens `devmesh-embeddings`, see {@link openQueue}. */
export function openEmbeddingsQueue(config: QueueConfig): WorkerQueue {
  return openQueue(embeddingsQueueName, config);
}

/** Opens a queue with its first use, so that SQS may be away at the start. At a stand-in it is made if need be. */
function openQueue(name: string, config: QueueConfig): WorkerQueue {
  const { region, endpoint } = config;
  const client = createSqsClient({
    region,
    ...(endpoint !== undefined && { endpoint, credentials: standInCredentials }),
  });
  const opened = new DisposableStack();
  opened.defer(() => client.destroy());
  const findUrls = async (): Promise<{ readonly queueUrl: string; readonly deadLetterUrl?: string | undefined }> => {
    if (config.queueUrl !== undefined) return { queueUrl: config.queueUrl, deadLetterUrl: config.deadLetterUrl };
    return ensureQueue(client, name, { dlqName: `${name}-dlq`, maxReceiveCount, visibilityTimeoutSeconds });
  };
  const queue = opened.use(
    openLazily(async () => {
      const { queueUrl, deadLetterUrl } = await findUrls();
      return sqsQueue({ client, queueUrl, ...(deadLetterUrl !== undefined && { deadLetterUrl }) });
    }),
  );
  const deadLetters = opened.use(
    openLazily(async () => {
      const { deadLetterUrl } = await findUrls();
      return deadLetterUrl === undefined ? noQueue : sqsQueue({ client, queueUrl: deadLetterUrl });
    }),
  );
  const moves = opened.use(messageMoves({ client, findDeadLetterUrl: async () => (await findUrls()).deadLetterUrl }));
  return { ...queue, name, deadLetters, moves, [Symbol.dispose]: () => opened.dispose() };
}

const noQueue: SqsQueue = {
  sendBatch: () => Promise.resolve([]),
  receive: () => Promise.resolve([]),
  deleteBatch: () => Promise.resolve([]),
  changeVisibility: () => Promise.resolve(),
  deadLetter: () => Promise.resolve(),
  [Symbol.dispose]: () => undefined,
};
