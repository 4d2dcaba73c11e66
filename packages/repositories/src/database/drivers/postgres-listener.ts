import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

/** LISTEN over one connection of its own, which comes back by itself. */
export interface PostgresListener extends AsyncDisposable {
  listen(channel: string, handler: (payload: string) => void, signal: AbortSignal): Promise<void>;
}

/** Between attempts to connect: from the first, doubling, to the second. Judgement. */
const firstDelayMs = 100;
const maxDelayMs = 5_000;

export function createPostgresListener(
  connection: pg.ClientConfig,
  reportError: (error: Error) => void,
): PostgresListener {
  return new Listener(connection, reportError);
}

class Listener implements PostgresListener {
  readonly #connection: pg.ClientConfig;
  readonly #reportError: (error: Error) => void;
  readonly #handlersByChannel = new Map<string, Set<(payload: string) => void>>();
  readonly #disposal = new AbortController();
  #client: pg.Client | undefined;
  #loop: Promise<void> | undefined;
  /** Called at the next start of listening, and at disposal. */
  #starters: (() => void)[] = [];

  constructor(connection: pg.ClientConfig, reportError: (error: Error) => void) {
    this.#connection = connection;
    this.#reportError = reportError;
  }

  async listen(channel: string, handler: (payload: string) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#disposal.signal.aborted) return;
    const isNew = !this.#handlersByChannel.has(channel);
    const handlers = this.#handlersByChannel.get(channel) ?? new Set();
    this.#handlersByChannel.set(channel, handlers);
    const heard = AsyncLocalStorage.bind(handler);
    handlers.add(heard);
    signal.addEventListener("abort", () => handlers.delete(heard), { once: true });
    this.#loop ??= this.#keepListening();
    const client = this.#client;
    if (client === undefined) return this.#nextStart(signal);
    // A failure ends the connection, and the loop listens to every channel again on the next.
    if (isNew) await client.query(`listen "${channel}"`).catch(() => this.#nextStart(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort();
    this.#announceStart();
    await this.#loop;
  }

  #nextStart(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#starters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #announceStart(): void {
    for (const start of this.#starters.splice(0)) start();
  }

  async #keepListening(): Promise<void> {
    const { signal } = this.#disposal;
    let delayMs = firstDelayMs;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(() => {
          delayMs = firstDelayMs;
        });
      } catch (error) {
        this.#reportError(error instanceof Error ? error : new Error(String(error)));
      }
      // Rejects only when disposed of, which the loop sees.
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, maxDelayMs);
    }
  }

  /** Returns when disposed of; throws when the connection is lost. */
  async #listenOnce(onStart: () => void): Promise<void> {
    const client = new pg.Client(this.#connection);
    const { promise: lost, reject } = Promise.withResolvers<never>();
    // It may be lost before anybody waits for that.
    lost.catch(() => undefined);
    client.on("error", reject);
    client.on("end", () => reject(new Error("the listening connection ended")));
    client.on("notification", ({ channel, payload }) => {
      for (const handler of this.#handlersByChannel.get(channel) ?? []) handler(payload ?? "");
    });
    try {
      await client.connect();
      await this.#listenToAll(client);
      this.#client = client;
      onStart();
      this.#announceStart();
      await Promise.race([lost, aborted(this.#disposal.signal)]);
    } finally {
      this.#client = undefined;
      await client.end().catch(() => undefined);
    }
  }

  /** What is asked for until the client is known to {@link listen} is asked for here. */
  async #listenToAll(client: pg.Client): Promise<void> {
    const held = new Set<string>();
    const findMissing = (): string[] => [...this.#handlersByChannel.keys()].filter((channel) => !held.has(channel));
    // while Postgres takes some, others are asked for
    for (let missing = findMissing(); missing.length > 0; missing = findMissing()) {
      await Promise.all(missing.map((channel) => client.query(`listen "${channel}"`)));
      for (const channel of missing) held.add(channel);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
