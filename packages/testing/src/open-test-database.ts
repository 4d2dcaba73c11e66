import { givenServices } from "./given-services.ts";
import { createTestDatabase } from "./test-database.ts";

/** The drivers and the migrations, by whom that may import them. */
export interface DatabaseKit<Database extends AsyncDisposable> {
  readonly migrationsDir: string;
  readonly migrate: (database: Database, migrationsDir: string) => Promise<unknown>;
  readonly openPostgres: (options: { readonly url: string }) => Database;
  /** Opens an embedded database in memory. */
  readonly openPglite: () => Promise<Database>;
}

/** Opens a migrated database that nobody else has, and gives it to `stack` to close: on Postgres where one is given. */
export function openTestDatabase<Database extends AsyncDisposable>(
  kit: DatabaseKit<Database>,
  stack: AsyncDisposableStack,
): Promise<Database> {
  return givenServices().databaseUrl === undefined ? openTestPglite(kit, stack) : openTestPostgres(kit, stack);
}

/** As {@link openTestDatabase}, on the Postgres of this run: a copy that is dropped once it is closed. */
export async function openTestPostgres<Database extends AsyncDisposable>(
  { migrationsDir, migrate, openPostgres }: DatabaseKit<Database>,
  stack: AsyncDisposableStack,
): Promise<Database> {
  const { databaseUrl } = givenServices();
  if (databaseUrl === undefined) throw new Error("no Postgres is given to this run");
  const copy = await createTestDatabase({
    url: databaseUrl,
    migrationsDir,
    migrate: async (url) => {
      await using database = openPostgres({ url });
      await migrate(database, migrationsDir);
    },
  });
  stack.use(copy);
  return stack.use(openPostgres({ url: copy.url }));
}

/** As {@link openTestDatabase}, on PGlite. Takes some 2 s: once a file, not a test. */
export async function openTestPglite<Database extends AsyncDisposable>(
  { migrationsDir, migrate, openPglite }: DatabaseKit<Database>,
  stack: AsyncDisposableStack,
): Promise<Database> {
  const database = stack.use(await openPglite());
  await migrate(database, migrationsDir);
  return database;
}
