import type { Vector } from "@devmesh/models";
import { type Database, migrate, type OwnerSession, openPostgres, type Sql, sql } from "@devmesh/repositories";
import { startServices } from "@devmesh/testing";
import { median, printTable, rounded } from "../figures.ts";
import { nearestOf, vectorsFrom } from "./vectors.ts";

const dimensions = 1024;
const seed = 7;
/** So many collections share the one table, and each has its own. */
const collections = 50;
const queries = 100;

interface Layout {
  readonly name: string;
  /** The column as it is declared, and its storage. */
  readonly column: string;
  readonly storage: "plain" | "external";
  /** What is indexed and compared. */
  readonly compared: string;
  readonly operators: string;
  readonly type: string;
}

const layouts: readonly Layout[] = [
  layout("vector, out of line", { column: "vector(1024)", storage: "external" }),
  layout("vector, in the row", { column: "vector(1024)", storage: "plain" }),
  layout("halfvec, out of line", { column: "halfvec(1024)", storage: "external" }),
  layout("halfvec, in the row", { column: "halfvec(1024)", storage: "plain" }),
  layout("halfvec without dimensions, in the row, index on a cast", { column: "halfvec", storage: "plain" }),
];

function layout(name: string, given: Pick<Layout, "column" | "storage">): Layout {
  const base = given.column.replace(/\(.*/, "");
  const type = `${base}(1024)`;
  return { name, ...given, type, compared: `(v::${type})`, operators: `${base}_cosine_ops` };
}

/** How vectors may lie, on the same rows: bytes, time to build, to find ten, and to compare 1,000 by their keys. */
export async function benchLayouts(rows: number): Promise<void> {
  await using services = await startServices({ fsync: true });
  await using database = openPostgres({ url: services.databaseUrl, statementTimeoutMs: 600_000, maxConnections: 1 });
  await migrate(database);
  const next = vectorsFrom("clustered", dimensions, seed);
  const vectors = Array.from({ length: rows }, next);
  const asked = Array.from({ length: queries }, next);
  const report: (readonly string[])[] = [];
  for (const [number, one] of layouts.entries()) {
    report.push(await measureLayout(database, { one, table: `layout_${number}`, vectors, asked }));
  }
  printTable(
    `${rounded(rows)} × ${dimensions} clustered, ${queries} queries, medians`,
    ["", "table MB", "index MB", "build s", "insert s", "top 10 ms", "1,000 by key ms"],
    report,
  );
  await measureSharing(database, vectors, asked);
}

interface Asked {
  readonly one: Layout;
  readonly table: string;
  readonly vectors: readonly Vector[];
  readonly asked: readonly Vector[];
}

async function measureLayout(database: Database, { one, table, vectors, asked }: Asked): Promise<readonly string[]> {
  return database.ownerSession(async (session) => {
    await session.runScript(`create table ${table} (id int primary key, v ${one.column});
      alter table ${table} alter v set storage ${one.storage}`);
    const insertMs = await timed(() => insertAll(session, table, vectors));
    const buildMs = await timed(() =>
      buildIndex(session, `${table}_near`, `${table} using hnsw (${one.compared} ${one.operators})`),
    );
    await session.runScript(`vacuum analyze ${table}`);
    const near = await medianOf(asked, (vector) =>
      session.runScript(
        `select id from ${table} order by ${one.compared} <=> '[${vector.join(",")}]'::${one.type} limit 10`,
      ),
    );
    const keyed = await medianOf(asked, (vector) =>
      session.runScript(`select id from ${table} where id % 10 = 3 and id < 10000
        order by (${one.compared} <=> '[${vector.join(",")}]'::${one.type}) + 0 limit 10`),
    );
    const [bytes] = await readBytes(session, table);
    const mb = (value = 0): string => rounded(value / 1e6, 1);
    return [
      one.name,
      mb(bytes?.table),
      mb(bytes?.index),
      rounded(buildMs / 1_000, 1),
      rounded(insertMs / 1_000, 1),
      rounded(near, 2),
      rounded(keyed, 2),
    ];
  });
}

/** One table of all collections with one index, against a table for each: ten nearest of one of 50 collections. */
async function measureSharing(database: Database, vectors: readonly Vector[], asked: readonly Vector[]): Promise<void> {
  const report: (readonly string[])[] = [];
  await database.ownerSession(async (session) => {
    await session.runScript("create table shared (id int primary key, collection int not null, v halfvec(1024))");
    await insertAll(session, "shared (id, v, collection)", vectors, (place) => `, ${place % collections}`);
    await buildIndex(session, "shared_near", "shared using hnsw (v halfvec_cosine_ops)");
    await session.runScript(
      "create table own (like shared); insert into own select * from shared where collection = 3",
    );
    await buildIndex(session, "own_near", "own using hnsw (v halfvec_cosine_ops)");
    await session.runScript("vacuum analyze shared, own");
    await session.runScript("set enable_seqscan = off; set enable_sort = off");
    const ways: readonly (readonly [string, string, Sql])[] = [
      ["one index for all, as it comes", "set hnsw.iterative_scan = off", sql`from shared where collection = 3`],
      [
        "one index for all, iterative",
        "set hnsw.iterative_scan = relaxed_order",
        sql`from shared where collection = 3`,
      ],
      ["an index of its own", "set hnsw.iterative_scan = off", sql`from own where true`],
    ];
    for (const [name, setting, from] of ways) {
      await session.runScript(`${setting}; set hnsw.ef_search = 100`);
      report.push([name, ...(await findOwn(session, { from, vectors, asked }))]);
    }
  });
  printTable(
    `ten nearest in one of ${collections} collections of ${rounded(vectors.length / collections)} each, ef_search 100`,
    ["", "recall", "fewest found", "p50 ms"],
    report,
  );
}

async function findOwn(
  session: OwnerSession,
  {
    from,
    vectors,
    asked,
  }: { readonly from: Sql; readonly vectors: readonly Vector[]; readonly asked: readonly Vector[] },
): Promise<readonly string[]> {
  const times: number[] = [];
  let hits = 0;
  let fewest = 10;
  for (const vector of asked) {
    const started = performance.now();
    const { rows } = await session.query<{ id: number }>(sql`
      select id ${from} order by v <=> ${`[${vector.join(",")}]`}::halfvec(1024) limit 10`);
    times.push(performance.now() - started);
    const nearest = new Set(nearestOf(vectors, vector, 10, (place) => place % collections === 3));
    hits += rows.filter(({ id }) => nearest.has(id)).length;
    fewest = Math.min(fewest, rows.length);
  }
  return [rounded(hits / asked.length / 10, 3), `${fewest}`, rounded(median(times), 2)];
}

async function insertAll(
  session: OwnerSession,
  target: string,
  vectors: readonly Vector[],
  more = (_place: number) => "",
): Promise<void> {
  for (let from = 0; from < vectors.length; from += 500) {
    const values = vectors
      .slice(from, from + 500)
      .map((one, index) => `(${from + index}, '[${one.join(",")}]'${more(from + index)})`);
    await session.runScript(`insert into ${target} values ${values.join(",")}`);
  }
}

async function buildIndex(session: OwnerSession, name: string, definition: string): Promise<void> {
  await session.runScript(`set maintenance_work_mem = '2GB'; set max_parallel_maintenance_workers = 2;
    create index ${name} on ${definition}`);
}

async function readBytes(session: OwnerSession, table: string): Promise<readonly { table: number; index: number }[]> {
  const { rows } = await session.query<{ table: number; index: number }>(sql`
    select pg_table_size(${table}::regclass) as table, pg_relation_size(${`${table}_near`}::regclass) as index`);
  return rows;
}

async function medianOf(asked: readonly Vector[], ask: (vector: Vector) => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (const vector of asked) times.push(await timed(() => ask(vector)));
  return median(times);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
