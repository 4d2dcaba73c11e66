import { createHash } from "node:crypto";
import type { Collection, Vector, VectorStorage } from "@devmesh/models";
import { collectionRepository, type Database, type OwnerSession, type Sql, sql, unnest } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";

/** What a table of vectors takes on disk, and how long its index took. */
export interface Footprint {
  readonly tableBytes: number;
  readonly indexBytes: number;
  readonly buildSeconds: number;
}

/** A collection that holds vectors, and where each of them is. */
export interface FilledCollection extends Footprint {
  readonly collection: Collection;
  readonly placesByChunk: ReadonlyMap<string, number>;
}

/** Indexes are built in bulk, with this much memory and two workers beside. */
const buildSettings = "set maintenance_work_mem = '2GB'; set max_parallel_maintenance_workers = 2;";
const batchRows = 500;

/**
 * Makes a collection, fills it with a document of one chunk for each vector, metadata `{group: place modulo 100}`, and
 * builds its index after that.
 */
export async function fillCollection(
  database: Database,
  tenantId: Collection["tenantId"],
  storage: VectorStorage,
  vectors: readonly Vector[],
): Promise<FilledCollection> {
  const dimensions = 1024;
  const { made: collection } = await collectionRepository(database).create(
    {
      ...defaults,
      tenantId,
      id: createUuidV7()() as Collection["id"],
      name: `${storage}-${Date.now()}`,
      storage,
      dimensions,
    },
    { max: 1_000 },
  );
  const suffix = collection.id.replaceAll("-", "_");
  const ids = vectors.map((_, place) => toUuid(`${collection.id} ${place}`));
  const footprint = await database.ownerSession(async (session) => {
    const { rows } = await session.query<{ definition: string }>(sql`
      select indexdef as definition from pg_indexes where indexname = ${`near_${suffix}`}`);
    await session.runScript(`drop index collections.near_${suffix}`);
    for (let from = 0; from < vectors.length; from += batchRows) {
      await insertRows(session, collection, { vectors: vectors.slice(from, from + batchRows), ids, from });
    }
    const buildSeconds = await timeBuild(session, rows[0]?.definition ?? "");
    await session.runScript("vacuum analyze document, chunk, chunk_vector");
    return {
      ...(await readSizes(session, `collections.chunk_vector_${suffix}`, `collections.near_${suffix}`)),
      buildSeconds,
    };
  });
  return { ...footprint, collection, placesByChunk: new Map(ids.map((id, place) => [id, place])) };
}

const defaults = {
  kind: "user",
  description: undefined,
  model: "benchmark",
  distance: "cosine",
  hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
  chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
  context: "none",
  language: "english",
} as const;

interface Rows {
  readonly vectors: readonly Vector[];
  readonly ids: readonly string[];
  readonly from: number;
}

async function insertRows(session: OwnerSession, { tenantId, id, storage }: Collection, { vectors, ids, from }: Rows) {
  const rows: Sql = unnest(
    ["uuid", vectors.map((_, index) => ids[from + index] ?? "")],
    ["int", vectors.map((_, index) => from + index)],
    ["text", vectors.map((vector) => `[${vector.join(",")}]`)],
  );
  const column = storage === "vector" ? sql`embedding` : sql`half`;
  const type = storage === "vector" ? sql`vector` : sql`halfvec`;
  await session.query(sql`
    with rows as materialized (select r.id, r.place, r.vector from ${rows} as r (id, place, vector)), documents as (
      insert into document (tenant_id, collection_id, id, external_id, metadata, content_hash, chunk_count, content)
      select ${tenantId}, ${id}, r.id, r.place::text, jsonb_build_object('group', r.place % 100), '', 1, 'text' from rows r
    ), chunks as (
      insert into chunk (tenant_id, collection_id, document_id, id, ordinal, start_at, end_at, tokens, content, words)
      select ${tenantId}, ${id}, r.id, r.id, 0, 0, 4, 1, 'text', '' from rows r
    )
    insert into chunk_vector (tenant_id, collection_id, document_id, chunk_id, ${column})
    select ${tenantId}, ${id}, r.id, r.id, r.vector::${type} from rows r`);
}

/** A table as pgvector's own README makes it, with its index; the same vectors and groups. */
export async function fillPlain(database: Database, name: string, vectors: readonly Vector[]): Promise<Footprint> {
  return database.ownerSession(async (session) => {
    await session.runScript(`create table ${name} (id bigint primary key, group_number int, embedding vector(1024))`);
    for (let from = 0; from < vectors.length; from += batchRows) {
      const batch = vectors.slice(from, from + batchRows);
      const values = batch.map((one, index) => `(${from + index}, ${(from + index) % 100}, '[${one.join(",")}]')`);
      await session.runScript(`insert into ${name} values ${values.join(",")}`);
    }
    const index = `${name}_near`;
    const buildSeconds = await timeBuild(
      session,
      `create index ${index} on ${name} using hnsw (embedding vector_cosine_ops)`,
    );
    await session.runScript(`vacuum analyze ${name}`);
    return { ...(await readSizes(session, name, index)), buildSeconds };
  });
}

async function timeBuild(session: OwnerSession, definition: string): Promise<number> {
  await session.runScript(buildSettings);
  const started = performance.now();
  await session.runScript(definition);
  return (performance.now() - started) / 1_000;
}

/** The table with what is out of line, without other indexes. */
async function readSizes(
  session: OwnerSession,
  table: string,
  index: string,
): Promise<Omit<Footprint, "buildSeconds">> {
  const { rows } = await session.query<{ tableBytes: number; indexBytes: number }>(sql`
    select pg_table_size(${table}::regclass) as "tableBytes", pg_relation_size(${index}::regclass) as "indexBytes"`);
  return rows[0] ?? { tableBytes: 0, indexBytes: 0 };
}

function toUuid(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}
