import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sql } from "../sql.ts";
import { openPglite, snapshotPglite } from "./pglite.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "devmesh-pglite-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

test("data is there again after closing and opening, and a closed one says so", async () => {
  const dataDir = join(folder, "data");
  const first = await openPglite({ dataDir });
  await first.query(sql`create table kept as select 1 as value`);
  const last = first.query(sql`insert into kept values (2)`);
  await first[Symbol.asyncDispose]();
  await last;
  await expect(first.query(sql`select 1`)).rejects.toMatchObject({ code: "unavailable" });

  await using again = await openPglite({ dataDir });
  const { rows } = await again.query(sql`select value from kept order by value`);
  expect(rows).toEqual([{ value: 1 }, { value: 2 }]);
});

test("the event loop turns while it computes", async () => {
  await using database = await openPglite();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 5);
  await database.query(sql`select count(*) from generate_series(1, 1500000)`);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
});

test("a folder that can't be opened is one clear error", async () => {
  await expect(openPglite({ dataDir: "/proc/nothing/here" })).rejects.toMatchObject({ code: "unavailable" });
});

test("each that begins with a snapshot has what was in it, and its own from then on", async () => {
  const snapshot = await snapshotPglite((database) => database.query(sql`create table kept as select 1 as value`));
  await using one = await openPglite({ snapshot });
  await using other = await openPglite({ snapshot });
  await one.query(sql`insert into kept values (2)`);
  expect((await one.query(sql`select value from kept order by value`)).rows).toEqual([{ value: 1 }, { value: 2 }]);
  expect((await other.query(sql`select value from kept`)).rows).toEqual([{ value: 1 }]);
});

test("a snapshot that can't be read is one clear error", async () => {
  await expect(openPglite({ snapshot: Buffer.from("no data folder") })).rejects.toMatchObject({ code: "unavailable" });
});
