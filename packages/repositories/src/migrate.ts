import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@devmesh/models";
import type { Database, OwnerSession } from "./database/database.ts";
import { sql } from "./database/sql.ts";

/** The project's own migrations; beside both `src` and `dist`. */
export const migrationsDir: string = fileURLToPath(new URL("../migrations", import.meta.url));

interface Migration {
  readonly name: string;
  readonly script: string;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
}

/** The word "mesh" as a number: any constant that is nobody else's. */
const advisoryLockKey = 0x6d657368;
const namePattern = /^\d{4}_[a-z0-9_]+\.sql$/;
/** As first line it marks a file of one statement, such as `create index concurrently`, that can't be in a transaction. */
const concurrentlyMark = "-- concurrently";

/**
 * Brings the schema up to date with the `.sql` files of a folder, in the order of their names, forward only, each in a
 * transaction of its own. Runs as the schema's owner, one process at a time; gives the names of the files it ran.
 *
 * @throws AppError `failed_precondition` if a file that has been run is changed or missing, or comes in between; what
 * the database says of a faulty file, with the file's name.
 */
export async function migrate(database: Database, folder: string = migrationsDir): Promise<readonly string[]> {
  const migrations = await readMigrations(folder);
  return database.ownerSession(async (session) => {
    // PGlite has one session, which is ours until this returns.
    if (database.kind === "postgres") await session.query(sql`select pg_advisory_lock(${advisoryLockKey})`);
    await session.runScript(`create table if not exists schema_migration (
      name text primary key,
      checksum text not null,
      applied_at timestamptz(3) not null default now()
    )`);
    const pending = await findPending(session, migrations);
    for (const migration of pending) await apply(session, migration);
    return pending.map(({ name }) => name);
  });
}

async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const numbers = new Set<string>();
  const migrations: Migration[] = [];
  for (const name of names) {
    const number = name.slice(0, 4);
    if (!namePattern.test(name)) throw refuse(`migration ${name} is not named like 0001_create_agent.sql`);
    if (numbers.has(number)) throw refuse(`migration ${name} has a number that another one has`);
    numbers.add(number);
    const script = await readFile(join(folder, name), "utf8");
    migrations.push({ name, script, checksum: createHash("sha256").update(script).digest("hex") });
  }
  return migrations;
}

async function findPending(session: OwnerSession, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const { rows } = await session.query<{ name: string; checksum: string }>(sql`
    select name, checksum
    from schema_migration
    order by name
  `);
  const migrationsByName = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum } of rows) {
    const migration = migrationsByName.get(name);
    if (migration === undefined) throw refuse(`migration ${name} was run on this database and is unknown here`);
    if (migration.checksum !== checksum) throw refuse(`migration ${name} was changed after it was run`);
  }
  const appliedNames = new Set(rows.map(({ name }) => name));
  const pending = migrations.filter(({ name }) => !appliedNames.has(name));
  const last = rows.at(-1)?.name;
  const early = pending.find(({ name }) => last !== undefined && name < last);
  if (early !== undefined) throw refuse(`migration ${early.name} comes before ${last}, which was run already`);
  return pending;
}

async function apply(session: OwnerSession, { name, script, checksum }: Migration): Promise<void> {
  const inTransaction = script.split("\n", 1)[0]?.trim() !== concurrentlyMark;
  try {
    if (inTransaction) await session.runScript("begin");
    await session.runScript(script);
    await session.query(sql`insert into schema_migration (name, checksum) values (${name}, ${checksum})`);
    if (inTransaction) await session.runScript("commit");
  } catch (error) {
    if (inTransaction) await session.runScript("rollback").catch(() => undefined);
    throw nameMigration(error, name);
  }
}

function nameMigration(error: unknown, name: string): AppError {
  const code = error instanceof AppError ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  return new AppError(code, `migration ${name}: ${message}`, { cause: error });
}

function refuse(message: string): AppError {
  return new AppError("failed_precondition", message, { reason: "migrations_differ" });
}
