import { type Database, migrate, migrationsDir, openPglite, openPostgres, snapshotPglite } from "@devmesh/repositories";
import { givenServices, openTestPglite, openTestPostgres } from "@devmesh/testing";
import { afterAll, beforeAll, describe } from "vitest";

const kit = { migrationsDir, migrate, openPostgres, openPglite, snapshotPglite };

/**
 * Runs a suite on every database driver: PostgreSQL, where one is given, and PGlite. The database is one for the suite:
 * each test makes a tenant of its own.
 */
export function describeEachDriver(name: string, suite: (database: () => Database) => void): void {
  const { databaseUrl } = givenServices();
  describe.skipIf(databaseUrl === undefined)(`${name} on postgres`, () =>
    suite(useDatabase((stack) => openTestPostgres(kit, stack))),
  );
  describe(`${name} on pglite`, () => suite(useDatabase((stack) => openTestPglite(kit, stack))));
}

function useDatabase(open: (stack: AsyncDisposableStack) => Promise<Database>): () => Database {
  const stack = new AsyncDisposableStack();
  let database: Database | undefined;
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());
  return () => {
    if (database === undefined) throw new Error("the database is opened before the first test, not before");
    return database;
  };
}
