import type { Logger } from "@devmesh/observability";

type Handler = (message: string) => void;

/** Who listens to which channel. */
export interface Subscriptions {
  /** True when the channel had nobody before. */
  add(channel: string, handler: Handler): boolean;
  /** True when the channel has nobody any more; false also for a handler that was not there. */
  remove(channel: string, handler: Handler): boolean;
  /** Calls each handler; what one throws is logged and keeps nothing from the others. */
  deliver(channel: string, message: string): void;
  channels(): readonly string[];
}

export function createSubscriptions(logger?: Logger): Subscriptions {
  const handlersByChannel = new Map<string, Set<Handler>>();

  function add(channel: string, handler: Handler): boolean {
    const handlers = handlersByChannel.get(channel);
    handlersByChannel.set(channel, (handlers ?? new Set<Handler>()).add(handler));
    return handlers === undefined;
  }

  function remove(channel: string, handler: Handler): boolean {
    const handlers = handlersByChannel.get(channel);
    if (handlers?.delete(handler) !== true || handlers.size > 0) return false;
    return handlersByChannel.delete(channel);
  }

  function deliver(channel: string, message: string): void {
    for (const handler of [...(handlersByChannel.get(channel) ?? [])]) {
      try {
        handler(message);
      } catch (err) {
        logger?.error({ err, channel }, "fan-out handler failed");
      }
    }
  }

  return { add, remove, deliver, channels: () => [...handlersByChannel.keys()] };
}
