import type { TenantId } from "@devmesh/models";
import type { Sql } from "./sql.ts";

/** What a statement gave back. */
export interface QueryResult<Row> {
  readonly rows: Row[];
  /** How many rows the statement returned or changed: the answer of a guarded write. */
  readonly rowCount: number;
}

/** Anything that can run a statement: the pool, or a transaction. Repositories take this. */
export interface Queryable {
  /**
   * Runs one statement. `bigint` comes as number, `timestamptz` as `Date`, `json` and `jsonb` through plain `JSON.parse`
   * (so `__proto__` stays an own key, and a JSON null is `null`), arrays as arrays; `numeric` and all else as text.
   *
   * @throws AppError `unavailable` without a database; `conflict` on a broken unique constraint, and with reason
   * `serialization` on a deadlock; `invalid_argument` on a value that its type refuses; `deadline_exceeded` past the
   * statement's time.
   */
  query<Row>(statement: Sql): Promise<QueryResult<Row>>;
}

/** A transaction in progress. Statements sent together travel together. */
export interface Transaction extends Queryable {
  /** The database's time at the transaction's start, in the precision of `timestamptz(3)`. Equal to `now()`, rounded. */
  readonly now: Date;
  /** Resolves when {@link now} is known: at once but for a transaction that begins with its first statement. */
  readonly begun: Promise<void>;
  /**
   * Sends the commit behind the statements that were sent, and so saves a round trip: nothing may be sent any more. When
   * one of them fails, nothing was done; what `work` throws for another reason comes too late to take anything back.
   */
  finish(): void;
}

/**
 * Whose rows a transaction sees: those of some tenants, held to it by row-level security, or, for sweep, relay and
 * sign-in, the tables that the engine's role is granted. `tenants` may be empty, and then no row is seen.
 */
export type TransactionScope = (
  | { readonly role: "devmesh_app"; readonly tenants: readonly TenantId[] }
  | { readonly role: "devmesh_engine" }
) & {
  /**
   * `by_index`: for statements that find every row by an index: their plans stay right however the tables grow.
   * `by_value`: for statements on tables with a partition for each collection: each is planned for its own values, so
   * that no partition but theirs is looked at, or locked.
   */
  readonly plans?: "by_index" | "by_value";
  /** Begin travels with the first statement and is not waited for: {@link Transaction.now} is known with its answer. */
  readonly begins?: "with_first_statement";
};

/** One connection for itself, as the owner of the schema. For migrations. */
export interface OwnerSession extends Queryable {
  /** Runs a script of any number of statements, without parameters. For text that is part of the program only. */
  runScript(script: string): Promise<void>;
}

/** A Postgres, by either driver. Behaves the same on both, but that PGlite runs one thing at a time. */
export interface Database extends Queryable, AsyncDisposable {
  /** `pglite` has one session: its advisory locks always succeed. */
  readonly kind: "postgres" | "pglite";

  /**
   * Runs `work` in a transaction: committed when it returns, rolled back when it throws. Inside `work` only `tx` may be
   * used: the database itself, and a transaction within, are failed assertions, because they would wait for each other.
   * After a lost connection at the commit (`unavailable`, reason `commit_unknown`) it may have been done or not.
   */
  transaction<T>(scope: TransactionScope, work: (tx: Transaction) => Promise<T>): Promise<T>;

  /** One statement in a transaction of its own, in one round trip. Fails as `query` and `transaction` do. */
  queryAs<Row>(scope: TransactionScope, statement: Sql): Promise<QueryResult<Row>>;

  /** Runs `work` on a connection of its own, as the owner. On PGlite nothing else runs meanwhile. */
  ownerSession<T>(work: (session: OwnerSession) => Promise<T>): Promise<T>;

  /**
   * Hears the notifications of a channel until `signal` aborts. Resolves when the listening has begun, or has been called
   * off. The connection comes back by itself; what was notified meanwhile is missed.
   */
  listen(channel: string, handler: (payload: string) => void, signal: AbortSignal): Promise<void>;

  /** Notifies everybody who listens, this process too. A payload is at most 7,999 bytes (Postgres). */
  notify(channel: string, payload: string): Promise<void>;
}
