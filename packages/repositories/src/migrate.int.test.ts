import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, givenServices } from "@devmesh/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "./database/database.ts";
import { openPglite } from "./database/drivers/pglite.ts";
import { openPostgres } from "./database/drivers/postgres.ts";
import { sql } from "./database/sql.ts";
import { migrate } from "./migrate.ts";

const { databaseUrl } = givenServices();

async function openEmptyPostgres(stack: AsyncDisposableStack, folder: string): Promise<Database> {
  const empty = await createTestDatabase({
    url: databaseUrl ?? "",
    migrationsDir: folder,
    migrate: async () => undefined,
  });
  stack.use(empty);
  return stack.use(openPostgres({ url: empty.url }));
}

describe.skipIf(databaseUrl === undefined)("on postgres", () => describeMigrate(openEmptyPostgres));
describe("on pglite", () => {
  let database: Database;
  // Opening takes seconds: all tests share one, and each empties it.
  beforeAll(async () => {
    database = await openPglite();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  describeMigrate(async () => {
    await database.ownerSession((session) => session.runScript("drop schema public cascade; create schema public"));
    return database;
  });
});

function describeMigrate(open: (stack: AsyncDisposableStack, folder: string) => Promise<Database>): void {
  let folder: string;
  let stack: AsyncDisposableStack;
  let database: Database;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    folder = await mkdtemp(join(tmpdir(), "devmesh-migrations-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    database = await open(stack, folder);
    await write("0001_create_thing.sql", "create table thing (id int);\ninsert into thing values (1);\n");
  });
  afterEach(() => stack.disposeAsync());

  const write = (name: string, script: string): Promise<void> => writeFile(join(folder, name), script);
  const things = async (): Promise<readonly unknown[]> =>
    (await database.query<{ id: number }>(sql`select id from thing order by id`)).rows.map(({ id }) => id);

  test("runs each file once, in order", async () => {
    await write("0002_add_two.sql", "insert into thing values (2);");
    expect(await migrate(database, folder)).toEqual(["0001_create_thing.sql", "0002_add_two.sql"]);
    expect(await migrate(database, folder)).toEqual([]);
    await write("0003_add_three.sql", "insert into thing values (3);");
    expect(await migrate(database, folder)).toEqual(["0003_add_three.sql"]);
    expect(await things()).toEqual([1, 2, 3]);
  });

  test("several at once run each file once", async () => {
    const runs = await Promise.all([1, 2, 3].map(() => migrate(database, folder)));
    expect(runs.flat()).toEqual(["0001_create_thing.sql"]);
    expect(await things()).toEqual([1]);
  });

  test("a faulty file leaves nothing of itself, and what came before it", async () => {
    await write("0002_fail.sql", "insert into thing values (2);\nselect nonsense;");
    await expect(migrate(database, folder)).rejects.toThrow(/migration 0002_fail\.sql: .*"nonsense" does not exist/);
    expect(await things()).toEqual([1]);
    await write("0002_fail.sql", "insert into thing values (2);");
    expect(await migrate(database, folder)).toEqual(["0002_fail.sql"]);
  });

  test("a file marked so runs outside a transaction", async () => {
    await write("0002_index_thing.sql", "-- concurrently\ncreate index concurrently thing_id on thing (id);\n");
    expect(await migrate(database, folder)).toContain("0002_index_thing.sql");
  });

  test("refuses a file that was changed, is gone, or comes in between", async () => {
    await write("0003_add_three.sql", "insert into thing values (3);");
    await migrate(database, folder);
    const refused = { code: "failed_precondition", reason: "migrations_differ" };
    await write("0002_late.sql", "select 1;");
    await expect(migrate(database, folder)).rejects.toMatchObject({
      ...refused,
      message: "migration 0002_late.sql comes before 0003_add_three.sql, which was run already",
    });
    await rm(join(folder, "0002_late.sql"));
    await rename(join(folder, "0003_add_three.sql"), join(folder, "0004_add_three.sql"));
    await expect(migrate(database, folder)).rejects.toMatchObject({
      ...refused,
      message: "migration 0003_add_three.sql was run on this database and is unknown here",
    });
    await rename(join(folder, "0004_add_three.sql"), join(folder, "0003_add_three.sql"));
    await write("0003_add_three.sql", "insert into thing values (4);");
    await expect(migrate(database, folder)).rejects.toMatchObject({
      ...refused,
      message: "migration 0003_add_three.sql was changed after it was run",
    });
    expect(await things()).toEqual([1, 3]);
  });

  test("refuses names that say no order", async () => {
    await write("1_thing.sql", "");
    await expect(migrate(database, folder)).rejects.toThrow("migration 1_thing.sql is not named like");
    await rename(join(folder, "1_thing.sql"), join(folder, "0001_again.sql"));
    await expect(migrate(database, folder)).rejects.toThrow("has a number that another one has");
  });
}
