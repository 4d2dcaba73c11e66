import pg from "pg";
import type { Database } from "../database.ts";
import { breaksConnection, toDatabaseError } from "../database-errors.ts";
import { assertNotification } from "../notification.ts";
import { resultTypes } from "../result-types.ts";
import { createStatementNames, runStatement } from "../run-statement.ts";
import { createOwnerSession, runAlone, runTransaction } from "../run-transaction.ts";
import { sql } from "../sql.ts";
import { createTransactionGuard } from "../transaction-guard.ts";
import { createPostgresListener } from "./postgres-listener.ts";

/** Which server, and how much of it. */
export interface PostgresOptions {
  readonly url: string;
  /** 10 unless given. One more is taken by the first `listen`. */
  readonly maxConnections?: number | undefined;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string | undefined;
  /** For getting a connection, the wait for a free one included. 2,000 unless given. */
  readonly connectTimeoutMs?: number | undefined;
  /** 15,000 unless given. A transaction that sits idle ends after the same time. */
  readonly statementTimeoutMs?: number | undefined;
  /** Told of connections that broke while nobody used them. They are replaced by themselves. */
  readonly onConnectionError?: ((error: Error) => void) | undefined;
}

/** How much longer than the server the client waits for an answer, before it takes the connection for dead. Judgement. */
const answerGraceMs = 2_000;
const idleConnectionMs = 30_000;

/**
 * Opens a pool of connections. Doesn't connect yet: with the server away every statement fails fast with `unavailable`,
 * and works again when it is back. Disposing waits for what is running.
 */
export function openPostgres(options: PostgresOptions): Database {
  const connection = toConnectionConfig(options);
  const reportError = options.onConnectionError ?? (() => undefined);
  const pool = new pg.Pool({
    ...connection,
    max: options.maxConnections ?? 10,
    idleTimeoutMillis: idleConnectionMs,
  });
  pool.on("error", reportError);
  // A connection can break while it is lent, too; whoever waits for a statement gets the error as well.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const names = createStatementNames();
  const guard = createTransactionGuard();
  const listener = createPostgresListener(connection, reportError);
  const query: Database["query"] = async (statement) => {
    guard.assertOutside();
    return withClient(pool, (client) => runStatement(client, names, statement));
  };
  let closing: Promise<void> | undefined;

  return {
    kind: "postgres",
    query,
    transaction: async (scope, work) => {
      guard.assertOutside();
      return withClient(pool, (client) => guard.run(() => runTransaction({ client, names }, scope, work)));
    },
    queryAs: async (scope, statement) => {
      guard.assertOutside();
      return withClient(pool, (client) => runAlone({ client, names }, scope, statement));
    },
    ownerSession: async (work) => {
      guard.assertOutside();
      return withOwnClient({ ...connection, statement_timeout: 0, query_timeout: 0 }, (client) =>
        guard.run(() => work(createOwnerSession(client))),
      );
    },
    listen: async (channel, handler, signal) => {
      guard.assertOutside();
      assertNotification(channel, "");
      await listener.listen(channel, handler, signal);
    },
    notify: async (channel, payload) => {
      assertNotification(channel, payload);
      await query(sql`select pg_notify(${channel}, ${payload})`);
    },
    [Symbol.asyncDispose]: async () => {
      closing ??= Promise.all([listener[Symbol.asyncDispose](), pool.end()]).then(() => undefined);
      await closing;
    },
  };
}

function toConnectionConfig(options: PostgresOptions): pg.ClientConfig {
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  return {
    connectionString: options.url,
    application_name: options.applicationName ?? "devmesh",
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2_000,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerGraceMs,
    keepAlive: true,
    options: "-c TimeZone=UTC",
    types: resultTypes,
    pipeline: true,
  };
}

/** A connection is given back after use; one that is broken, or still in a transaction, is thrown away. */
async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toDatabaseError(error);
  });
  let isBroken = false;
  const markBroken = (): void => {
    isBroken = true;
  };
  client.on("error", markBroken);
  try {
    return await work(client);
  } catch (error) {
    isBroken ||= breaksConnection(error);
    throw error;
  } finally {
    client.removeListener("error", markBroken);
    client.release(isBroken || client.getTransactionStatus() !== "I");
  }
}

async function withOwnClient<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw toDatabaseError(error);
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
