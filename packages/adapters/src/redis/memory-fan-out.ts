import type { Logger } from "@devmesh/observability";
import type { FanOut } from "./fan-out.ts";
import { createSubscriptions } from "./subscriptions.ts";

/** A fan-out within one process. It delivers in a later turn of the event loop, as a network would; closed, it is away. */
export function memoryFanOut(logger?: Logger): FanOut {
  const subscriptions = createSubscriptions(logger);
  let isClosed = false;
  return {
    publish: (channel, message) => {
      if (isClosed) return Promise.resolve(false);
      setImmediate(() => {
        if (!isClosed) subscriptions.deliver(channel, message);
      });
      return Promise.resolve(true);
    },
    subscribe: (channel, handler) => {
      // One handler may be subscribed twice: each subscription is its own.
      const own = (message: string): void => handler(message);
      subscriptions.add(channel, own);
      return Promise.resolve(() => {
        subscriptions.remove(channel, own);
        return Promise.resolve();
      });
    },
    get isReady() {
      return !isClosed;
    },
    [Symbol.asyncDispose]: () => {
      isClosed = true;
      return Promise.resolve();
    },
  };
}
