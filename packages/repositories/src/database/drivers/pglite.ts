import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import type { Database } from "../database.ts";
import { toDatabaseError } from "../database-errors.ts";
import { assertNotification } from "../notification.ts";
import { resultTypes } from "../result-types.ts";
import { createStatementNames, runStatement } from "../run-statement.ts";
import { createOwnerSession, runAlone, runTransaction } from "../run-transaction.ts";
import { sql } from "../sql.ts";
import { createTransactionGuard } from "../transaction-guard.ts";
import { PgliteStream } from "./pglite-stream.ts";
import { type PgliteThread, startPgliteThread } from "./pglite-thread.ts";
import { createTurns } from "./turns.ts";

/** Where an embedded database lives. */
export interface PgliteOptions {
  /** A folder that is there, held under a lock by the caller (`lockFolder`). Left out, all is in memory and goes with the process. */
  readonly dataDir?: string | undefined;
  /** What it begins with, of {@link snapshotPglite}; left out, it makes a new cluster, which takes some 2 s. */
  readonly snapshot?: Uint8Array | undefined;
}

/**
 * Opens an embedded Postgres with pgvector, in a worker thread. There is one session: everything waits its turn, and a
 * transaction keeps it from begin to commit. Everyone is superuser until a transaction takes a role.
 *
 * @throws AppError `unavailable` if the folder can't be opened.
 */
export async function openPglite(options: PgliteOptions = {}): Promise<Database> {
  return (await openThread(options)).database;
}

/**
 * Prepares a database in memory, and gives all that is in it then: others that begin with it are there at once.
 *
 * @throws AppError `unavailable` if it can't be opened; what `prepare` throws.
 */
export async function snapshotPglite(
  prepare: (database: Database) => Promise<unknown>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { database, thread } = await openThread({});
  await using preparing = database;
  await prepare(preparing);
  return await thread.dump();
}

interface OpenThread {
  readonly database: Database;
  readonly thread: PgliteThread;
}

async function openThread({ dataDir, snapshot }: PgliteOptions): Promise<OpenThread> {
  const thread = await startPgliteThread({ dataDir, snapshot });
  const client = new pg.Client({
    stream: () => new PgliteStream(thread.exchange),
    user: "postgres",
    database: "postgres",
    types: resultTypes,
    pipeline: true,
    ssl: false,
  });
  // Whoever waits for a statement gets the error; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("set timezone = 'UTC'");
  } catch (error) {
    await thread.close();
    throw toDatabaseError(error);
  }
  return { database: createPgliteDatabase(client, thread), thread };
}

function createPgliteDatabase(client: pg.Client, thread: PgliteThread): Database {
  const names = createStatementNames();
  const guard = createTransactionGuard();
  const turns = createTurns();
  const handlersByChannel = new Map<string, Set<(payload: string) => void>>();
  client.on("notification", ({ channel, payload }) => {
    for (const handler of handlersByChannel.get(channel) ?? []) handler(payload ?? "");
  });
  const query: Database["query"] = async (statement) => {
    guard.assertOutside();
    return turns.take(() => runStatement(client, names, statement));
  };
  let closing: Promise<void> | undefined;

  return {
    kind: "pglite",
    query,
    transaction: async (scope, work) => {
      guard.assertOutside();
      return turns.take(() => guard.run(() => runTransaction({ client, names }, scope, work)));
    },
    queryAs: async (scope, statement) => {
      guard.assertOutside();
      return turns.take(() => runAlone({ client, names }, scope, statement));
    },
    ownerSession: async (work) => {
      guard.assertOutside();
      return turns.take(() => guard.run(() => work(createOwnerSession(client))));
    },
    listen: async (channel, handler, signal) => {
      guard.assertOutside();
      assertNotification(channel, "");
      if (signal.aborted) return;
      const handlers = handlersByChannel.get(channel) ?? new Set();
      handlersByChannel.set(channel, handlers);
      // Bytes arrive in the context of whatever transaction sent last; the handler belongs to none.
      const heard = AsyncLocalStorage.bind(handler);
      handlers.add(heard);
      signal.addEventListener("abort", () => handlers.delete(heard), { once: true });
      // The channel's name, checked above, is the one part of a statement that can't be a parameter.
      await turns.take(async () => client.query(`listen "${channel}"`)).catch(rethrowTranslated);
    },
    notify: async (channel, payload) => {
      assertNotification(channel, payload);
      await query(sql`select pg_notify(${channel}, ${payload})`);
    },
    [Symbol.asyncDispose]: async () => {
      closing ??= turns.close().then(() => thread.close());
      await closing;
    },
  };
}

function rethrowTranslated(error: unknown): never {
  throw toDatabaseError(error);
}
