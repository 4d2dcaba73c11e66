import { type Database, type Sql, sql, type Transaction, type TransactionScope } from "@devmesh/repositories";

/** A database whose whole state can be gone back to: what runs as transactions on it are savepoints of one. */
export interface Branches {
  readonly database: Database;
  /** Runs `work`, and undoes whatever it did. */
  branch(work: () => Promise<void>): Promise<void>;
}

const engine: TransactionScope = { role: "devmesh_engine" };

/**
 * Opens one transaction on `database`, never committed, and runs `work` in it. Time stands still there: `now()` is the
 * transaction's. Statements of several callers follow one another; a transaction has them to itself.
 */
export async function withBranches<T>(database: Database, work: (branches: Branches) => Promise<T>): Promise<T> {
  const undo = new Error("undone");
  const done: T[] = [];
  const outer = database.transaction(engine, async (tx) => {
    done.push(await work(createBranches(tx, database.kind)));
    throw undo;
  });
  await outer.catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  return done[0] as T;
}

function createBranches(tx: Transaction, kind: Database["kind"]): Branches {
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  const assume = (scope: TransactionScope): Promise<unknown> => {
    const tenants = scope.role === "devmesh_app" ? scope.tenants.join(",") : "";
    return tx.query(sql`
      select set_config('role', ${scope.role}, true), set_config('devmesh.tenants', ${tenants}, true)`);
  };
  // the same name again hides the older one until it is released: so texts stay few
  const inSavepoint = async <T>(scope: TransactionScope, work: () => Promise<T>): Promise<T> => {
    await Promise.all([tx.query(sql`savepoint inner_one`), assume(scope)]);
    try {
      const result = await work();
      await tx.query(sql`release savepoint inner_one`);
      return result;
    } catch (error) {
      await tx.query(sql`rollback to savepoint inner_one`);
      await tx.query(sql`release savepoint inner_one`);
      throw error;
    }
  };
  const unused = (): Promise<never> => Promise.reject(new Error("not in a branch"));
  const run = <Row>(scope: TransactionScope, statement: Sql) =>
    alone(() => inSavepoint(scope, () => tx.query<Row>(statement)));
  return {
    database: {
      kind,
      query: (statement) => run(engine, statement),
      queryAs: run,
      transaction: (scope, work) => alone(() => inSavepoint(scope, () => work({ ...tx, finish: () => undefined }))),
      ownerSession: unused,
      listen: unused,
      notify: unused,
      [Symbol.asyncDispose]: async () => undefined,
    },
    branch: async (work) => {
      await alone(() => tx.query(sql`savepoint outer_one`));
      await work();
      await alone(async () => {
        await tx.query(sql`rollback to savepoint outer_one`);
        await tx.query(sql`release savepoint outer_one`);
      });
    },
  };
}
