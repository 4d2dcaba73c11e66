import { randomUUID } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { givenServices } from "./given-services.ts";
import { hashFolder } from "./hash-folder.ts";
import { createTestDatabase } from "./test-database.ts";

/** The drivers and the migrations, by whom that may import them. */
export interface DatabaseKit<Database extends AsyncDisposable> {
  readonly migrationsDir: string;
  readonly migrate: (database: Database, migrationsDir: string) => Promise<unknown>;
  readonly openPostgres: (options: { readonly url: string; readonly connectTimeoutMs?: number }) => Database;
  /** Opens an embedded database in memory. */
  readonly openPglite: (options: { readonly snapshot: Uint8Array }) => Promise<Database>;
  /** Gives what is in an embedded database after `prepare`. */
  readonly snapshotPglite: (prepare: (database: Database) => Promise<unknown>) => Promise<Uint8Array>;
}

/** For a connection, where all that there are have been lent out by a test of many at once on a busy machine. */
const connectTimeoutMs = 30_000;

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
  return stack.use(openPostgres({ url: copy.url, connectTimeoutMs }));
}

/** As {@link openTestDatabase}, on PGlite. Takes some 0.5 s: once a file, not a test. */
export async function openTestPglite<Database extends AsyncDisposable>(
  kit: DatabaseKit<Database>,
  stack: AsyncDisposableStack,
): Promise<Database> {
  return stack.use(await kit.openPglite({ snapshot: await readSnapshot(kit) }));
}

/** A migrated database, as the first file of the run that asked has made it. Two at once make it twice: the same. */
async function readSnapshot<Database extends AsyncDisposable>(kit: DatabaseKit<Database>): Promise<Uint8Array> {
  const file = join(givenServices().scratchDir, `pglite-${await hashFolder(kit.migrationsDir)}.tar`);
  const known = await readFile(file).catch(() => undefined);
  if (known !== undefined) return known;
  const snapshot = await kit.snapshotPglite((database) => kit.migrate(database, kit.migrationsDir));
  // under another name until it is whole
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, snapshot);
  await rename(draft, file);
  return snapshot;
}
