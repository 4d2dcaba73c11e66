import { AppError, assert, isUuid } from "@devmesh/models";
import type pg from "pg";
import type { OwnerSession, QueryResult, Transaction, TransactionScope } from "./database.ts";
import { isAborted, toDatabaseError } from "./database-errors.ts";
import { runStatement, type StatementNames } from "./run-statement.ts";
import { sendTogether } from "./send-together.ts";
import type { Sql } from "./sql.ts";

/**
 * Runs `work` between begin and commit on a connection that nobody else uses meanwhile. A statement that is sent after
 * the end is a failed assertion.
 */
export async function runTransaction<T>(
  session: { readonly client: pg.ClientBase; readonly names: StatementNames },
  scope: TransactionScope,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const { client, names } = session;
  let isOpen = true;
  let now: Date | undefined;
  let committed: Promise<void> | undefined;
  let failure: unknown;
  // behind a statement that failed, those sent with it fail for its sake: whoever hears of one of them first hears why
  const throwFirst = (error: unknown): never => {
    failure ??= error;
    throw isAborted(error) ? failure : error;
  };
  const begun = begin(client, scope).then((time) => {
    now = time;
  });
  // a statement behind a begin that failed fails too, and whoever waits for it learns of the begin
  begun.catch(() => undefined);
  const tx: Transaction = {
    begun,
    get now() {
      assert(now !== undefined, "the transaction's time is known with its first answer");
      return now;
    },
    query: async <Row>(statement: Sql) => {
      assert(isOpen, "a statement after the end of its transaction");
      return runStatement<Row>(client, names, statement).catch(throwFirst);
    },
    finish: () => {
      assert(isOpen, "a second end of a transaction");
      isOpen = false;
      committed = commit(client);
      committed.catch(() => undefined);
    },
  };
  try {
    if (scope.begins !== "with_first_statement") await begun;
    const result = await work(tx);
    isOpen = false;
    await begun;
    await (committed ?? commit(client));
    return result;
  } catch (error) {
    isOpen = false;
    // After a lost connection the server rolls back by itself; a failed commit has been rolled back already.
    await client.query("rollback").catch(() => undefined);
    await begun;
    throw error;
  }
}

/**
 * Runs one statement in a transaction of its own, all of it sent at once: one round trip. When the statement fails,
 * so does the commit behind it, and nothing was done.
 */
export async function runAlone<Row>(
  session: { readonly client: pg.ClientBase; readonly names: StatementNames },
  scope: TransactionScope,
  statement: Sql,
): Promise<QueryResult<Row>> {
  const { client, names } = session;
  const steps = [begin(client, scope), runStatement<Row>(client, names, statement), commit(client)] as const;
  const [begun, result, committed] = await Promise.allSettled(steps);
  const failed = [begun, result, committed].find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  assert(result.status === "fulfilled", "a statement that did not fail has a result");
  return result.value;
}

/** An owner's session on a connection that nobody else uses meanwhile. */
export function createOwnerSession(client: pg.ClientBase): OwnerSession {
  return {
    // Unnamed: a migration changes what the statements after it mean.
    query: async (statement) => runStatement(client, () => undefined, statement),
    runScript: async (script) => {
      try {
        await client.query(script);
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
  };
}

/**
 * Leaves the planner nothing but nested loops over indexes, in the order in which the joins are written. Plans of
 * prepared statements are kept: one made for tables of ten rows would read all of them, sorted or hashed, when they have
 * grown to thousands (measured: a claim of 0.1 ms took 50 ms at a backlog of 30,000).
 */
const plansByIndex = [
  ...["seqscan", "bitmapscan", "hashjoin", "mergejoin", "material"].map(
    (way) => `set_config('enable_${way}', 'off', true), `,
  ),
  ...["join", "from"].map((kind) => `set_config('${kind}_collapse_limit', '1', true), `),
].join("");

/** A plan for each execution; compiling one takes longer than it saves where a search is over in milliseconds. */
const plansByValue = "set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true), ";

/** What a scope's plans add to the statement that begins a transaction. */
const planSettings = { by_index: plansByIndex, by_value: plansByValue } as const;

/** Begin, role, tenants and the clock in one round trip: one simple query, so values stand in its text, checked before. */
async function begin(client: pg.ClientBase, scope: TransactionScope): Promise<Date> {
  const tenants = scope.role === "devmesh_app" ? scope.tenants : [];
  for (const tenant of tenants) assert(isUuid(tenant), `tenant ${JSON.stringify(tenant)} is no uuid`);
  const plans = scope.plans === undefined ? "" : planSettings[scope.plans];
  const script = `begin; select set_config('role', '${scope.role}', true), set_config('devmesh.tenants', '${tenants.join(",")}', true), ${plans}now()::timestamptz(3) as now`;
  try {
    sendTogether(client);
    // A script of several statements gives several results, which the types of pg don't know.
    const results: unknown = await client.query(script);
    return readNow(results);
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw toDatabaseError(error);
  }
}

function readNow(results: unknown): Date {
  const last: unknown = Array.isArray(results) ? results.at(-1) : undefined;
  const rows = (last as { readonly rows?: readonly { readonly now?: unknown }[] } | undefined)?.rows;
  const now = rows?.[0]?.now;
  assert(now instanceof Date, "begin gives the transaction's time");
  return now;
}

async function commit(client: pg.ClientBase): Promise<void> {
  sendTogether(client);
  const { command } = await client.query("commit").catch(throwCommitError);
  assert(command === "COMMIT", "a statement of the transaction failed, and its error was not passed on");
}

function throwCommitError(caught: unknown): never {
  const error = toDatabaseError(caught);
  if (error.code !== "unavailable" && error.code !== "deadline_exceeded") throw error;
  throw new AppError("unavailable", "the connection was lost at the commit", {
    reason: "commit_unknown",
    cause: caught,
  });
}
