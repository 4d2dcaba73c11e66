import type { Logger } from "@devmesh/observability";
import { Redis } from "ioredis";
import type { FanOut } from "./fan-out.ts";
import { createRedisListener } from "./redis-listener.ts";
import { redisOptions } from "./redis-options.ts";

/** Where Redis is, and who hears of its coming and going. */
export interface RedisFanOutOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly logger: Logger;
  /** Called when Redis is reached and when it is lost, on a change only. */
  readonly onChange?: (isReady: boolean) => void;
}

/**
 * Opens a fan-out over Redis or Valkey, on two connections. It doesn't wait for Redis: while that is away, publishing
 * answers false, subscriptions are kept, and both connections try again for ever, at most every 2 s.
 *
 * @see https://redis.io/docs/latest/develop/pubsub/ : at most once
 */
export function openRedisFanOut(options: RedisFanOutOptions): FanOut {
  const { url, logger } = options;
  const publisher = new Redis(url, redisOptions);
  const subscriber = new Redis(url, redisOptions);
  const listener = createRedisListener({ connection: subscriber, onChange: () => noteChange(), logger });
  let wasReady: boolean | undefined;
  let isClosed = false;

  const isReady = (): boolean => !isClosed && listener.isListening && publisher.status === "ready";

  function noteChange(err?: Error): void {
    const isNow = isReady();
    if (isNow === wasReady || isClosed || (isNow === false && wasReady === undefined && err === undefined)) return;
    wasReady = isNow;
    if (isNow) logger.info("redis is reached");
    else logger.warn({ err }, "redis is away");
    options.onChange?.(isNow);
  }

  for (const connection of [publisher, subscriber]) {
    // Without a listener ioredis writes each failed attempt to the console.
    connection.on("error", (err: Error) => noteChange(err));
  }
  publisher.on("ready", () => noteChange());
  publisher.on("close", () => noteChange());

  return {
    publish: async (channel, message) => {
      if (publisher.status !== "ready") return false;
      try {
        await publisher.publish(channel, message);
        return true;
      } catch {
        return false; // lost on the way: the answer says so, and the connection's own event is logged
      }
    },
    subscribe: listener.subscribe,
    get isReady() {
      return isReady();
    },
    [Symbol.asyncDispose]: () => {
      isClosed = true;
      listener.close();
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
