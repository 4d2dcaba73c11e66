import type {
  ChunkId,
  Collection,
  FoundChunk,
  MetadataFilter,
  SearchHit,
  SearchStep,
  TenantId,
  Vector,
} from "@devmesh/models";

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
  /** Also gives Postgres's plan. */
  readonly explain: boolean;
  readonly signal: AbortSignal;
}

/** Finds chunks. `limit` results whenever so many match, however few of the rows the filter leaves. */
export interface SearchStore {
  /** `score` is a similarity: 1 − cosine distance, the inner product, or 1 ÷ (1 + L2 distance). */
  byVector(
    request: MethodRequest & { readonly vector: Vector; readonly efSearch: number | undefined },
  ): Promise<MethodResult>;
  /** By words of the collection's language: chunks that hold more, and rarer, of the query's words come first. */
  byText(request: MethodRequest & { readonly query: string }): Promise<MethodResult>;
  /** What is shown of chunks; `ranks` and `score` are the caller's. Chunks that are gone by now are left out. */
  load(
    tenantId: TenantId,
    chunks: readonly FoundChunk[],
  ): Promise<ReadonlyMap<ChunkId, Omit<SearchHit, "score" | "ranks">>>;
  /** Vectors of chunks, for diversity. */
  vectors(collection: Collection, chunkIds: readonly ChunkId[]): Promise<ReadonlyMap<ChunkId, Vector>>;
}
