import {
  createSqsClient,
  ensureQueue,
  type MessageMoves,
  messageMoves,
  type SqsQueue,
  sqsQueue,
} from "@devmesh/adapters";
import type { TasksQueueConfig } from "../config.ts";
import { openLazily } from "./lazy-queue.ts";

/** The queue's name where it has to be made, and in the view of dead letters. */
export const tasksQueueName = "devmesh-tasks";
/** After so many receives in vain a message is dead. */
const maxReceiveCount = 5;
const visibilityTimeoutSeconds = 30;
/** A stand-in checks no credentials, but the client signs with some. */
const standInCredentials = { accessKeyId: "devmesh", secretAccessKey: "devmesh" };

/** Where messages lie that could not be handled. Without such a queue it is always empty. */
export type DeadLetterQueue = Pick<SqsQueue, "receive" | "deleteBatch" | "changeVisibility">;

/** `devmesh-tasks`, with its dead-letter queue. */
export interface TasksQueue extends SqsQueue {
  readonly deadLetters: DeadLetterQueue;
  readonly moves: Omit<MessageMoves, typeof Symbol.dispose>;
}

/** Opens `devmesh-tasks` with its first use, so that SQS may be away at the start. At a stand-in it is made if need be. */
export function openTasksQueue(config: TasksQueueConfig): TasksQueue {
  const { region, endpoint } = config;
  const client = createSqsClient({
    region,
    ...(endpoint !== undefined && { endpoint, credentials: standInCredentials }),
  });
  const opened = new DisposableStack();
  opened.defer(() => client.destroy());
  const findUrls = async (): Promise<{ readonly queueUrl: string; readonly deadLetterUrl?: string | undefined }> => {
    if (config.queueUrl !== undefined) return { queueUrl: config.queueUrl, deadLetterUrl: config.deadLetterUrl };
    const options = { dlqName: `${tasksQueueName}-dlq`, maxReceiveCount, visibilityTimeoutSeconds };
    return ensureQueue(client, tasksQueueName, options);
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
  return { ...queue, deadLetters, moves, [Symbol.dispose]: () => opened.dispose() };
}

const noQueue: SqsQueue = {
  sendBatch: () => Promise.resolve([]),
  receive: () => Promise.resolve([]),
  deleteBatch: () => Promise.resolve([]),
  changeVisibility: () => Promise.resolve(),
  deadLetter: () => Promise.resolve(),
  [Symbol.dispose]: () => undefined,
};
