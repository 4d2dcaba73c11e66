import { randomUUID } from "node:crypto";
import pg from "pg";
import { hashFolder } from "./hash-folder.ts";

/** Where databases are made, and what migrates their template. */
export interface TestDatabaseOptions {
  /** Any database of the server, as a user who may create others. */
  readonly url: string;
  /** The `.sql` files that `migrate` runs: a change of them makes a new template. */
  readonly migrationsDir: string;
  /** Brings the empty database at this URL up to date, and closes what it opened. */
  readonly migrate: (databaseUrl: string) => Promise<unknown>;
}

/** A migrated database of its own. Disposing drops it, whoever is connected. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

/** Held while the template is made, so that parallel test files make it once. Any constant. */
const templateLockKey = 0x74656d70;

/** Copies the template database, which the first caller migrates. Takes some 50 ms once that is done. */
export async function createTestDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const template = `devmesh_template_${await hashFolder(options.migrationsDir)}`;
  const name = `devmesh_test_${randomUUID().replaceAll("-", "")}`;
  await withClient(options.url, async (client) => {
    await client.query("select pg_advisory_lock($1)", [templateLockKey]);
    await makeTemplate(client, template, options);
    await client.query(`create database ${name} template ${template}`);
  });
  return {
    name,
    url: withDatabase(options.url, name),
    [Symbol.asyncDispose]: async () => {
      await withClient(options.url, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

async function makeTemplate(client: pg.Client, template: string, options: TestDatabaseOptions): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [template]);
  if (rowCount !== 0) return;
  // Under another name until it is whole: what a killed run leaves behind is never taken for a template.
  const draft = `${template}_draft`;
  await client.query(`drop database if exists ${draft} with (force)`);
  await client.query(`create database ${draft}`);
  await options.migrate(withDatabase(options.url, draft));
  await client.query(`alter database ${draft} rename to ${template}`);
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: "devmesh-testing" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
