import { randomUUID } from "node:crypto";
import type { MetadataFilter, TenantId, Vector } from "@devmesh/models";
import { type Database, keyRepository, migrate, openPostgres, searchRepository, sql } from "@devmesh/repositories";
import { startServices } from "@devmesh/testing";
import { percentile, printTable, rounded } from "../figures.ts";
import { type Footprint, fillCollection, fillPlain } from "./filled-collection.ts";
import { nearestOf, type Shape, vectorsFrom } from "./vectors.ts";

/** How much is measured. */
export interface RecallSizes {
  readonly rows: number;
  readonly queries: number;
  readonly shapes: readonly Shape[];
}

const dimensions = 1024;
const seed = 20_261_121;
const found = 10;
/** One in a hundred: the group of every hundredth row. */
const group = 7;
const filter: MetadataFilter = { op: "eq", path: ["group"], value: group };

interface Query {
  readonly vector: Vector;
  readonly nearest: ReadonlySet<number>;
  readonly nearestInGroup: ReadonlySet<number>;
}

/** Finds the places of rows near to a vector. */
type Find = (vector: Vector) => Promise<readonly number[]>;

/**
 * Recall against exact search over the same vectors (by numbers of four bytes), latency with one client, bytes and the time
 * of building: of this project's collections, `halfvec` and `vector`, and of a plain table with pgvector's defaults.
 */
export async function benchRecall(sizes: RecallSizes): Promise<void> {
  await using services = await startServices({ fsync: true });
  await using database = openPostgres({ url: services.databaseUrl, statementTimeoutMs: 600_000 });
  await migrate(database);
  const tenantId = randomUUID() as TenantId;
  await keyRepository(database).createTenant({ id: tenantId, name: "benchmark" });
  for (const shape of sizes.shapes) await measureShape({ database, tenantId }, shape, sizes);
}

interface Place {
  readonly database: Database;
  readonly tenantId: TenantId;
}

async function measureShape({ database, tenantId }: Place, shape: Shape, { rows, queries: count }: RecallSizes) {
  const next = vectorsFrom(shape, dimensions, seed);
  const vectors = Array.from({ length: rows }, next);
  const queries = Array.from({ length: count }, (): Query => {
    const vector = next();
    const inGroup = nearestOf(vectors, vector, found, (place) => place % 100 === group);
    return { vector, nearest: new Set(nearestOf(vectors, vector, found)), nearestInGroup: new Set(inGroup) };
  });
  const report: (readonly (string | number)[])[] = [];
  // noise is there for honesty: one storage of this project's is enough of it
  for (const storage of shape === "clustered" ? (["halfvec", "vector"] as const) : (["halfvec"] as const)) {
    const filled = await fillCollection(database, tenantId, storage, vectors);
    const search = searchRepository(database);
    const findBy =
      (asked: { readonly efSearch?: number; readonly filter?: MetadataFilter }): Find =>
      async (vector) => {
        const { signal } = new AbortController();
        const { found: hits } = await search.byVector({
          collection: filled.collection,
          filter: asked.filter,
          limit: found,
          explain: false,
          signal,
          vector,
          efSearch: asked.efSearch,
        });
        return hits.map(({ chunkId }) => filled.placesByChunk.get(chunkId) ?? -1);
      };
    for (const efSearch of [40, 100, 200, 400]) {
      const figures = await measure(queries, findBy({ efSearch }), "nearest");
      report.push([`${storage}, ef_search ${efSearch}`, ...figures, ...toCells(filled)]);
      console.error(shape, report.at(-1)?.join(" | "));
    }
    report.push([
      `${storage}, 1 % filtered`,
      ...(await measure(queries, findBy({ filter }), "nearestInGroup")),
      "",
      "",
      "",
    ]);
    console.error(shape, report.at(-1)?.join(" | "));
  }
  const footprint = await fillPlain(database, `plain_${shape}`, vectors);
  const findPlain =
    (isFiltered: boolean): Find =>
    (vector) =>
      queryPlain(database, shape, { isFiltered, vector });
  report.push(["plain pgvector", ...(await measure(queries, findPlain(false), "nearest")), ...toCells(footprint)]);
  const filtered = await measure(queries, findPlain(true), "nearestInGroup");
  report.push(["plain pgvector, 1 % filtered", ...filtered, "", "", ""]);
  printTable(
    `${rounded(rows)} × ${dimensions}, ${shape}, seed ${seed}, ${count} queries, top ${found}, one client`,
    ["", "recall", "fewest found", "p50 ms", "p95 ms", "table MB", "index MB", "build s"],
    report,
  );
}

const plainTables = { clustered: sql`plain_clustered`, uniform: sql`plain_uniform` } as const;

async function queryPlain(
  database: Database,
  shape: Shape,
  { isFiltered, vector }: { readonly isFiltered: boolean; readonly vector: Vector },
): Promise<readonly number[]> {
  const { rows } = await database.query<{ id: number }>(sql`
    select id from ${plainTables[shape]} ${isFiltered ? sql`where group_number = ${group}` : sql``}
    order by embedding <=> ${`[${vector.join(",")}]`} limit ${found}`);
  return rows.map(({ id }) => id);
}

/** Recall, the fewest rows that a query gave, p50 and p95 in ms; each query once before, which is not counted. */
async function measure(
  queries: readonly Query[],
  find: Find,
  truth: "nearest" | "nearestInGroup",
): Promise<readonly string[]> {
  const times: number[] = [];
  let hits = 0;
  let wanted = 0;
  let fewest = Number.POSITIVE_INFINITY;
  for (const { vector } of queries.slice(0, 20)) await find(vector);
  for (const query of queries) {
    const started = performance.now();
    const places = await find(query.vector);
    times.push(performance.now() - started);
    hits += places.filter((place) => query[truth].has(place)).length;
    wanted += query[truth].size;
    fewest = Math.min(fewest, places.length);
  }
  const figures = [hits / wanted, percentile(times, 0.5), percentile(times, 0.95)] as const;
  return [rounded(figures[0], 3), `${fewest}`, rounded(figures[1], 1), rounded(figures[2], 1)];
}

function toCells({ tableBytes, indexBytes, buildSeconds }: Footprint): readonly string[] {
  return [rounded(tableBytes / 1e6), rounded(indexBytes / 1e6), rounded(buildSeconds)];
}
