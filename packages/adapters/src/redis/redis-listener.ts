import type { Logger } from "@devmesh/observability";
import type { Redis } from "ioredis";
import type { FanOut } from "./fan-out.ts";
import { createSubscriptions } from "./subscriptions.ts";

export interface RedisListenerOptions {
  /** Used for nothing else, as Redis wants it of a connection that subscribes. The caller disconnects it. */
  readonly connection: Redis;
  /** Called when listening began or ended. */
  readonly onChange: () => void;
  readonly logger: Logger;
}

/** The subscribing half of a fan-out: the subscriptions in force are made anew on each connect. */
export interface RedisListener extends Pick<FanOut, "subscribe"> {
  /** True while Redis holds every subscription in force. */
  readonly isListening: boolean;
  /** Ends it for good: a connection that is lost is not asked for again. */
  close(): void;
}

/** Takes over a connection's events and keeps the subscriptions that are in force, connected or not. */
export function createRedisListener({ connection, onChange, logger }: RedisListenerOptions): RedisListener {
  const subscriptions = createSubscriptions(logger);
  let isListening = false;
  let isClosed = false;

  /** Listening to half of the channels is worse than starting over. */
  function startOver(err: unknown, complaint: string): void {
    logger.warn({ err }, complaint);
    if (!isClosed) connection.disconnect(true);
  }

  async function listen(): Promise<void> {
    const held = new Set<string>();
    const findMissing = (): readonly string[] => subscriptions.channels().filter((channel) => !held.has(channel));
    try {
      // while Redis takes some, others come into force
      for (let missing = findMissing(); missing.length > 0; missing = findMissing()) {
        await connection.subscribe(...missing);
        for (const channel of missing) held.add(channel);
      }
      isListening = true;
      onChange();
    } catch (err) {
      startOver(err, "redis subscriptions failed");
    }
  }

  async function follow(call: () => Promise<unknown>): Promise<void> {
    // Without a connection there is nothing to do: `listen` takes what is in force when there is one.
    if (!isListening) return;
    await call().catch((err: unknown) => startOver(err, "redis subscription failed"));
  }

  connection.on("ready", () => void listen());
  connection.on("close", () => {
    isListening = false;
    onChange();
  });
  connection.on("message", (channel: string, message: string) => subscriptions.deliver(channel, message));

  return {
    get isListening() {
      return isListening;
    },
    subscribe: async (channel, handler) => {
      const own = (message: string): void => handler(message);
      if (subscriptions.add(channel, own)) await follow(() => connection.subscribe(channel));
      return async () => {
        if (subscriptions.remove(channel, own)) await follow(() => connection.unsubscribe(channel));
      };
    },
    close: () => {
      isClosed = true;
    },
  };
}
