import type { RedisOptions } from "ioredis";

const maxReconnectMs = 2_000;

/** How every connection to Redis behaves: it tries again for ever, at most every 2 s, and nothing waits for it. */
export const redisOptions = {
  // What waits for Redis to come back is worth nothing then.
  enableOfflineQueue: false,
  // what is sent in one turn of the event loop goes in one system call
  enableAutoPipelining: true,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // Subscriptions are made anew by their listener, from the list of those in force.
  autoResubscribe: false,
  connectTimeout: 2_000,
  commandTimeout: 2_000,
  retryStrategy: (attempt: number) => Math.min(maxReconnectMs, 50 * 2 ** Math.min(attempt, 6)),
  disableClientInfo: true,
} satisfies RedisOptions;
