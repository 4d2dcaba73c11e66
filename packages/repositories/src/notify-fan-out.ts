import type { Database } from "./database/database.ts";

/** Carries hints by NOTIFY: the shape of the adapters' `FanOut`. */
export interface NotifyFanOut extends AsyncDisposable {
  /** False after a message that could not be sent, until one can be again. */
  readonly isReady: boolean;
  /** At most 7,999 bytes. Resolves to false where the database is not available. Never rejects for that. */
  publish(channel: string, message: string): Promise<boolean>;
  subscribe(channel: string, handler: (message: string) => void): Promise<() => Promise<void>>;
}

/**
 * Notifies through the database's own connections, in no transaction of theirs. Channels may be named as everywhere,
 * `devmesh:node:<id>`: what NOTIFY does not allow in a name becomes `_`. Disposing ends the subscriptions, and leaves the
 * database open.
 */
export function notifyFanOut(database: Database): NotifyFanOut {
  const subscriptions = new Set<AbortController>();
  let isReady = true;
  return {
    get isReady() {
      return isReady;
    },
    publish: async (channel, message) => {
      try {
        await database.notify(toName(channel), message);
        isReady = true;
      } catch {
        isReady = false; // a hint: who waits for it looks by itself, later
      }
      return isReady;
    },
    subscribe: async (channel, handler) => {
      const subscription = new AbortController();
      subscriptions.add(subscription);
      await database.listen(toName(channel), handler, subscription.signal);
      return async () => {
        subscriptions.delete(subscription);
        subscription.abort();
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const subscription of subscriptions) subscription.abort();
      subscriptions.clear();
    },
  };
}

function toName(channel: string): string {
  return channel.toLowerCase().replaceAll(/[^a-z0-9_]/g, "_");
}
