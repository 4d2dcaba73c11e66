import type { ContextId, DocumentId, ErrorBody, Metadata, TenantId } from "@devmesh/models";

/** A context whose summary or embedding is to be made, in somebody's hands. */
export interface ClaimedContext {
  readonly tenantId: TenantId;
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  /** Of the object that was completed: another one under its key is not read. */
  readonly etag: string;
  readonly metadata: Metadata;
  readonly wantsSummary: boolean;
  readonly wantsEmbedding: boolean;
  /** Which claim of it this is, from 1. */
  readonly tries: number;
}

/** What was made of a context, or why it could not be. */
export interface DigestResult {
  readonly summary?: string | undefined;
  readonly documentIds?: readonly DocumentId[] | undefined;
  readonly bytesRead?: number | undefined;
  readonly error?: Pick<ErrorBody, "code" | "message"> | undefined;
  /** With an error: when to try what is missing again. Without it that is given up. */
  readonly retryInMs?: number | undefined;
}

/** What makes summaries and embeddings needs, over all tenants. */
export interface ContextDigests {
  /** Takes contexts that wait, the longest first, so that nobody else does for `forMs`: never taken, or lost by a crash. */
  claim(limit: number, forMs: number): Promise<readonly ClaimedContext[]>;
  /** False where the context is gone, or somebody has claimed it since: nothing is written then. */
  settle(claim: Pick<ClaimedContext, "id" | "tries">, result: DigestResult): Promise<boolean>;
}

/** A context whose object, and what was made of it, is to be removed. */
export interface RemovedContext {
  readonly tenantId: TenantId;
  readonly id: ContextId;
  readonly size: number;
  /** Somebody took it up: there may be documents of it, whether that was written down or not. */
  readonly wasClaimed: boolean;
}

/** What removes contexts needs, over all tenants. */
export interface ContextRemovals {
  /** Takes what has expired, was never completed or was deleted, so that nobody else does for `forMs`. */
  claim(limit: number, forMs: number): Promise<readonly RemovedContext[]>;
  /** Their objects and documents are gone. */
  settle(ids: readonly ContextId[]): Promise<void>;
}
