import type { ContextId, ContextState, DigestState, ErrorBody, Metadata, StoredContext } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** What a context is now, whenever the sweep comes by. Of `c`, a row of context. */
export const standingOf: Sql = sql`context_standing(c.state, c.upload_until, c.expires_at)`;

function pendingOf(condition: Sql): Sql {
  return sql`(select count(*) from pending_document p where p.document_id = any (c.document_ids) and ${condition})`;
}

/** Of `c`, a row of context. */
export const contextColumns: Sql = sql`
  c.id, c.name, c.media_type as "mediaType", c.size, encode(c.sha256, 'hex') as sha256, ${standingOf} as state,
  c.metadata, c.summary_state as "summaryState", c.summary, c.embedding_state as "embeddingState",
  cardinality(c.document_ids) as documents, ${pendingOf(sql`p.error is null`)} as waiting,
  ${pendingOf(sql`p.error is not null`)} as failed,
  c.bytes_read as "bytesRead", c.error, c.created_at as "createdAt", c.ready_at as "readyAt",
  c.expires_at as "expiresAt"`;

export interface ContextRow {
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly sha256: string;
  readonly state: ContextState;
  readonly metadata: Metadata;
  readonly summaryState: DigestState;
  readonly summary: string | null;
  readonly embeddingState: DigestState;
  readonly documents: number;
  readonly waiting: number;
  readonly failed: number;
  readonly bytesRead: number | null;
  readonly error: Pick<ErrorBody, "code" | "message"> | null;
  readonly createdAt: Date;
  readonly readyAt: Date | null;
  readonly expiresAt: Date;
}

export function toStoredContext(row: ContextRow): StoredContext {
  const { id, name, mediaType, size, sha256, state, metadata } = row;
  return {
    id,
    name,
    mediaType,
    size,
    sha256,
    state,
    metadata,
    summary: { state: row.summaryState, ...(row.summary !== null && { text: row.summary }) },
    embedding: toEmbedding(row),
    ...(row.bytesRead !== null && { bytesRead: row.bytesRead }),
    ...(row.error !== null && { error: row.error }),
    createdAt: row.createdAt.toISOString(),
    ...(row.readyAt !== null && { readyAt: row.readyAt.toISOString() }),
    expiresAt: row.expiresAt.toISOString(),
  };
}

function toEmbedding({ embeddingState: state, documents, waiting, failed }: ContextRow): StoredContext["embedding"] {
  return {
    state,
    ...(documents > 0 && { documents }),
    ...(waiting > 0 && { waiting }),
    ...(failed > 0 && { failed }),
  };
}
