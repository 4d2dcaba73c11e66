import type { ChunkId, DocumentId, FoundChunk, Vector } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { joinSql, type Sql, sql } from "../database/sql.ts";
import { filterPath } from "./filter-path.ts";
import { countMatching, matching } from "./matching.ts";
import { type Planned, runPlanned, toStep } from "./measured.ts";
import type { MethodRequest, MethodResult, SearchBounds } from "./search-repository.ts";
import { distanceTo, similarityOf } from "./vector-sql.ts";

type VectorRequest = MethodRequest & { readonly vector: Vector; readonly efSearch: number | undefined };

interface NearRow {
  readonly chunkId: ChunkId;
  readonly documentId: DocumentId;
  readonly distance: number;
}

/** pgvector's. */
const maxEfSearch = 1_000;

/**
 * Without a filter by the collection's index. With one: what it leaves is counted, to a bound; few chunks are compared one
 * by one, among many the index is walked on until enough are found (`hnsw.iterative_scan`). Where the index gives less than
 * was asked for, everything that matches is compared.
 */
export async function searchByVector(
  tx: Queryable,
  request: VectorRequest,
  { maxExact, maxScanTuples }: SearchBounds,
): Promise<MethodResult> {
  const started = performance.now();
  const { collection, vector, limit, filter, explain } = request;
  if (collection.distance === "cosine" && vector.every((one) => one === 0)) return toResult(request, "none", started);
  const path = filter && filterPath(filter);
  const few = path === undefined ? undefined : await countMatching(tx, collection, { path, maxExact });
  if (few !== undefined) {
    const exact = await runPlanned<NearRow>(tx, compareAll(request, path), explain);
    return toResult(request, `exact over ${few} filtered`, started, exact);
  }
  const efSearch = Math.min(maxEfSearch, Math.max(limit, request.efSearch ?? collection.hnsw.efSearch));
  await tx.query(sql`
    select set_config('hnsw.ef_search', ${efSearch}::text, true),
      set_config('hnsw.iterative_scan', 'relaxed_order', true),
      set_config('hnsw.max_scan_tuples', ${maxScanTuples}::text, true), ${otherWays("off")}`);
  const near = await runPlanned<NearRow>(tx, walkIndex(request, path), explain);
  const strategy = path === undefined ? "hnsw" : "hnsw iterative";
  if (near.rows.length >= limit) return toResult(request, strategy, started, near);
  await tx.query(sql`select ${otherWays("on")}`);
  const all = await runPlanned<NearRow>(tx, compareAll(request, path), explain);
  return toResult(request, `${strategy}, then exact`, started, { ...all, plan: [...near.plan, ...all.plan] });
}

/** Before a new partition has statistics the planner takes it for small, and would rather compare and sort all of it. */
function otherWays(setting: "on" | "off"): Sql {
  const ways = ["seqscan", "bitmapscan", "sort"].map((way) => sql`set_config(${`enable_${way}`}, ${setting}, true)`);
  return joinSql(ways, sql`, `);
}

/** The filter is a sub-select, which the planner can't turn into a join: the order of the index is what it must use. */
function walkIndex({ collection, vector, limit }: VectorRequest, path: string | undefined): Sql {
  const { tenantId, id } = collection;
  const passes = sql`and (
          select d.metadata @@ ${path}::jsonpath from document d where d.collection_id = ${id} and d.id = v.document_id
        )`;
  return sql`
    with near as materialized (
      select v.chunk_id, v.document_id, ${distanceTo(vector, collection)} as distance
      from chunk_vector v
      where v.tenant_id = ${tenantId} and v.collection_id = ${id} ${path === undefined ? sql`` : passes}
      order by ${distanceTo(vector, collection)}
      limit ${limit}
    )
    select chunk_id as "chunkId", document_id as "documentId", distance from near order by distance, chunk_id`;
}

/** Adding 0 keeps the index out of it. A vector of length 0 has no cosine, and is not found by it. */
function compareAll({ collection, vector, limit }: VectorRequest, path: string | undefined): Sql {
  const { tenantId, id } = collection;
  const compared = sql`
      select v.chunk_id, v.document_id, (${distanceTo(vector, collection)}) + 0 as distance
      from chunk_vector v
      where v.tenant_id = ${tenantId} and v.collection_id = ${id}`;
  const ofMatching = sql`
      select near.chunk_id, near.document_id, near.distance from matching m cross join lateral (${compared} and v.document_id = m.id offset 0) near`;
  return sql`
    ${path === undefined ? sql`` : sql`with matching as materialized (${matching(collection, path, sql`d.id`)})`}
    select v.chunk_id as "chunkId", v.document_id as "documentId", v.distance
    from (${path === undefined ? compared : ofMatching}) v
    where v.distance <> 'NaN'
    order by v.distance, v.chunk_id
    limit ${limit}`;
}

function toResult(
  { collection }: VectorRequest,
  strategy: string,
  started: number,
  { rows, plan }: Planned<NearRow> = { rows: [], plan: [] },
): MethodResult {
  const found = rows.map(
    ({ chunkId, documentId, distance }): FoundChunk => ({
      collectionId: collection.id,
      chunkId,
      documentId,
      score: similarityOf(distance, collection.distance),
    }),
  );
  return { found, step: toStep(collection, { method: "vector", strategy, found: found.length, started, plan }) };
}
