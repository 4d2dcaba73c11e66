import type {
  ChunkId,
  ChunkVector,
  CollectionId,
  DocumentId,
  DocumentOutcome,
  DocumentState,
  DocumentWrite,
  PendingChunk,
  PendingDocument,
  StoredDocument,
  TenantId,
  WritingImport,
} from "@devmesh/models";
import type { PageAfter, RequestKey } from "./collection-store.ts";

/** A collection of a tenant. */
export interface CollectionRef {
  readonly tenantId: TenantId;
  readonly collectionId: CollectionId;
}

/** Documents and their chunks. What is of another tenant, or gone, is absent from every answer. */
export interface DocumentStore {
  /**
   * Writes documents with their chunks in one transaction, by external id; one with the content hash and metadata that
   * are there already is left as it is. New metadata alone keeps chunks and vectors. What was written is `pending`, and
   * found by text when this resolves. Outcomes are in the order of `documents`, whose external ids are all different.
   *
   * @throws AppError `not_found` where the collection is gone.
   */
  write(
    collection: CollectionRef,
    documents: readonly DocumentWrite[],
    by?: WritingImport,
  ): Promise<readonly DocumentOutcome[]>;
  /**
   * The same once a key, or what the key's first request came to.
   *
   * @throws AppError also `conflict`, reason `idempotency_key_reused`, for a key that came with another body.
   */
  writeOnce(
    collection: CollectionRef,
    documents: readonly DocumentWrite[],
    key: RequestKey,
  ): Promise<{ readonly made: readonly DocumentOutcome[]; readonly isReplay: boolean }>;
  /** By id or external id, with its content. */
  find(collection: CollectionRef, idOrExternalId: string): Promise<StoredDocument | undefined>;
  /** Newest first, without content. */
  list(
    collection: CollectionRef,
    page: { readonly limit: number; readonly after: PageAfter | undefined; readonly state?: DocumentState | undefined },
  ): Promise<readonly StoredDocument[]>;
  /** By ids or external ids; how many there were. */
  delete(collection: CollectionRef, idsOrExternalIds: readonly string[]): Promise<number>;
}

/** What the pipeline that embeds needs, over all tenants where nothing else is said. */
export interface PendingStore {
  /**
   * Takes documents that wait, oldest first, so that nobody else takes them for `forMs`: those never taken, and those
   * whose time ran out. Tenants in turn, and in that order; of one that has `maxOfTenant` on the way or put off, none.
   */
  claim(
    limit: number,
    forMs: number,
    maxOfTenant?: number,
  ): Promise<readonly (PendingDocument & { readonly tenantId: TenantId })[]>;
  /**
   * What waits, over all tenants: how many are on the way now, counted to `atMost`, and how long the oldest has waited;
   * undefined where none waits.
   */
  backlog(atMost: number): Promise<{ readonly claimed: number; readonly oldestSeconds: number | undefined }>;
  /** The chunks without vector of documents that still have this version, up to `limit`. */
  findChunks(
    tenantId: TenantId,
    documents: readonly PendingDocument[],
    limit: number,
  ): Promise<readonly (PendingChunk & { readonly document: PendingDocument })[]>;
  /** The contents of documents that still have this version: what contexts are written from. */
  findContents(tenantId: TenantId, documents: readonly PendingDocument[]): Promise<ReadonlyMap<DocumentId, string>>;
  /** What Claude wrote: found by text from now on. */
  setContexts(collection: CollectionRef, contexts: ReadonlyMap<ChunkId, string>): Promise<void>;
  /**
   * Writes vectors of chunks that are still there; a document all of whose chunks have one is `indexed` then. Gives
   * those documents.
   */
  writeVectors(collection: CollectionRef, vectors: readonly ChunkVector[]): Promise<readonly DocumentId[]>;
  /** Puts off documents that still have this version: they are taken again in `forMs`, and not on the way until then. */
  postpone(tenantId: TenantId, documents: readonly PendingDocument[], forMs: number): Promise<void>;
  /** Gives up on documents that still have this version. */
  fail(
    tenantId: TenantId,
    documents: readonly PendingDocument[],
    error: { readonly code: string; readonly message: string },
  ): Promise<void>;
}
