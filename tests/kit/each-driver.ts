import { type Database, migrate, migrationsDir, openPglite, openPostgres } from "@devmesh/repositories";
import { createTestDatabase, givenServices } from "@devmesh/testing";
import { afterAll, beforeAll, describe } from "vitest";

/**
 * Runs a suite on every database driver: PostgreSQL, where one is given, and PGlite. The database is one for the suite:
 * each test makes a tenant of its own.
 */
export function describeEachDriver(name: string, suite: (database: () => Database) => void): void {
  const { databaseUrl } = givenServices();
  describe.skipIf(databaseUrl === undefined)(`${name} on postgres`, () => suite(useDatabase(openTestPostgres)));
  describe(`${name} on pglite`, () => suite(useDatabase(openTestPglite)));
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

async function openTestPostgres(stack: AsyncDisposableStack): Promise<Database> {
  const { databaseUrl } = givenServices();
  const empty = await createTestDatabase({
    url: databaseUrl ?? "",
    migrationsDir,
    migrate: async (url) => {
      await using owner = openPostgres({ url });
      await migrate(owner, migrationsDir);
    },
  });
  stack.use(empty);
  return stack.use(openPostgres({ url: empty.url }));
}

async function openTestPglite(stack: AsyncDisposableStack): Promise<Database> {
  const database = stack.use(await openPglite());
  await migrate(database, migrationsDir);
  return database;
}
