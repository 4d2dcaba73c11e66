import {
  AppError,
  type ChunkId,
  type Collection,
  type FoundChunk,
  type MetadataFilter,
  type SearchHit,
  type SearchStep,
  type TenantId,
  type Vector,
} from "@devmesh/models";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { searchByText } from "./by-text.ts";
import { searchByVector } from "./by-vector.ts";
import { loadChunks } from "./load-chunks.ts";
import { parseVector } from "./vector-sql.ts";

/** Chunks of one collection by one method, best first, and how they were found. */
export interface MethodResult {
  readonly found: readonly FoundChunk[];
  readonly step: SearchStep;
}

/** What both methods are asked for. */
export interface MethodRequest {
  readonly collection: Collection;
  readonly filter: MetadataFilter | undefined;
  /**
   * How rare words are is counted among what the filter leaves, not in the whole collection: slower, and scores tell nothing
   * of what it leaves out.
   */
  readonly countsFiltered?: boolean | undefined;
  readonly limit: number;
  /** Also gives Postgres's plan, and takes twice as long for it. */
  readonly explain: boolean;
  readonly signal: AbortSignal;
}

/** How much work one search may be. */
export interface SearchBounds {
  /** So many chunks that a filter leaves are compared one by one; among more the index is walked. */
  readonly maxExact: number;
  /** How far an index is walked for what a filter leaves, before everything that it leaves is compared. */
  readonly maxScanTuples: number;
  /** So many chunks with words of a query are weighed: all that hold all of them, and those of the rarest. */
  readonly maxWeighed: number;
}

/** Measured: docs/decisions/021. `maxScanTuples` is pgvector's own default. */
const defaultBounds: SearchBounds = { maxExact: 2_000, maxScanTuples: 20_000, maxWeighed: 2_000 };

/** Finds chunks. `limit` results whenever so many match, however few of the rows the filter leaves. */
export interface SearchRepository {
  /** `score` is a similarity: 1 − cosine distance, the inner product, or 1 ÷ (1 + L2 distance). Ties by chunk id. */
  byVector(
    request: MethodRequest & { readonly vector: Vector; readonly efSearch: number | undefined },
  ): Promise<MethodResult>;
  /** By words of the collection's language: chunks that hold more, and rarer, of the query's words come first. */
  byText(request: MethodRequest & { readonly query: string }): Promise<MethodResult>;
  /** What is shown of chunks. Those that are gone by now, or another tenant's, are left out. */
  load(
    tenantId: TenantId,
    chunks: readonly FoundChunk[],
  ): Promise<ReadonlyMap<ChunkId, Omit<SearchHit, "score" | "ranks">>>;
  /** Vectors of chunks. */
  vectors(collection: Collection, chunkIds: readonly ChunkId[]): Promise<ReadonlyMap<ChunkId, Vector>>;
}

/**
 * Search in Postgres; each call is a transaction of its own.
 *
 * Ids are found in the engine's role, by statements that name tenant and collection: under a policy Postgres evaluates
 * `@@` of words and of metadata only on rows that have passed it, and so never by an index (neither operator is leakproof).
 * What is shown of a chunk, text and metadata, is read in the tenant's role.
 */
export function searchRepository(database: Database, bounds = defaultBounds): SearchRepository {
  const search = async (
    { signal }: MethodRequest,
    work: (tx: Transaction) => Promise<MethodResult>,
  ): Promise<MethodResult> => {
    if (signal.aborted) throw new AppError("cancelled", "the search was called off", { cause: signal.reason });
    return database.transaction({ role: "devmesh_engine", plans: "by_value" }, work);
  };
  const read = <T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_value" }, work);
  return {
    byVector: (request) => search(request, (tx) => searchByVector(tx, request, bounds)),
    byText: (request) => search(request, (tx) => searchByText(tx, request, bounds)),
    load: async (tenantId, chunks) =>
      chunks.length === 0 ? new Map() : read(tenantId, (tx) => loadChunks(tx, tenantId, chunks)),
    vectors: async (collection, chunkIds) =>
      chunkIds.length === 0 ? new Map() : read(collection.tenantId, (tx) => findVectors(tx, collection, chunkIds)),
  };
}

async function findVectors(
  tx: Queryable,
  { tenantId, id, storage }: Collection,
  chunkIds: readonly ChunkId[],
): Promise<ReadonlyMap<ChunkId, Vector>> {
  const column = storage === "vector" ? sql`v.embedding` : sql`v.half`;
  const { rows } = await tx.query<{ id: ChunkId; vector: string }>(sql`
    select v.chunk_id as id, ${column}::text as vector
    from chunk_vector v
    where v.tenant_id = ${tenantId} and v.collection_id = ${id} and v.chunk_id = any (${chunkIds}::uuid[])`);
  return new Map(rows.map(({ id: chunkId, vector }) => [chunkId, parseVector(vector)]));
}
