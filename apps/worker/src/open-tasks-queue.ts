import { createSqsClient, ensureQueue, type SqsQueue, sqsQueue } from "@devmesh/adapters";
import type { TasksQueueConfig } from "./config.ts";
import { openLazily } from "./lazy-queue.ts";

/** The queue's name where it has to be made. */
export const tasksQueueName = "devmesh-tasks";
/** After so many receives in vain a message is dead. */
const maxReceiveCount = 5;
const visibilityTimeoutSeconds = 30;
/** A stand-in checks no credentials, but the client signs with some. */
const standInCredentials = { accessKeyId: "devmesh", secretAccessKey: "devmesh" };

/** Opens `devmesh-tasks` with its first use, so that SQS may be away at the start. At a stand-in it is made if need be. */
export function openTasksQueue(config: TasksQueueConfig): SqsQueue {
  const { region, endpoint, queueUrl, deadLetterUrl } = config;
  const client = createSqsClient({
    region,
    ...(endpoint !== undefined && { endpoint, credentials: standInCredentials }),
  });
  const queue = openLazily(async () => {
    if (queueUrl !== undefined) {
      return sqsQueue({ client, queueUrl, ...(deadLetterUrl !== undefined && { deadLetterUrl }) });
    }
    const options = { dlqName: `${tasksQueueName}-dlq`, maxReceiveCount, visibilityTimeoutSeconds };
    return sqsQueue({ client, ...(await ensureQueue(client, tasksQueueName, options)) });
  });
  return {
    ...queue,
    [Symbol.dispose]: () => {
      queue[Symbol.dispose]();
      client.destroy();
    },
  };
}
