import type { ChunkId, CollectionId, DocumentId, FoundChunk, Metadata, SearchHit, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";

interface ChunkRow {
  readonly collectionId: CollectionId;
  readonly documentId: DocumentId;
  readonly externalId: string;
  readonly chunkId: ChunkId;
  readonly content: string;
  readonly context: string | null;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
  readonly heading: string | null;
  readonly metadata: Metadata;
}

/** Collection by collection, so that each statement is planned for one partition; they travel together. */
export async function loadChunks(
  tx: Queryable,
  tenantId: TenantId,
  chunks: readonly FoundChunk[],
): Promise<ReadonlyMap<ChunkId, Omit<SearchHit, "score" | "ranks">>> {
  const groups = [...Map.groupBy(chunks, ({ collectionId }) => collectionId)];
  const results = await Promise.all(
    groups.map(([collectionId, group]) =>
      tx.query<ChunkRow>(sql`
        select c.collection_id as "collectionId", c.document_id as "documentId", d.external_id as "externalId",
          c.id as "chunkId", c.content, c.context, c.ordinal, c.start_at as start, c.end_at as "end", c.heading, d.metadata
        from chunk c
        join document d on d.collection_id = ${collectionId} and d.id = c.document_id
        where c.tenant_id = ${tenantId} and c.collection_id = ${collectionId}
          and c.id = any (${group.map(({ chunkId }) => chunkId)}::uuid[])`),
    ),
  );
  return new Map(results.flatMap(({ rows }) => rows.map((row) => [row.chunkId, toHit(row)])));
}

function toHit({ ordinal, start, end, heading, context, ...row }: ChunkRow): Omit<SearchHit, "score" | "ranks"> {
  return {
    ...row,
    ...(context !== null && { context }),
    position: { ordinal, start, end, ...(heading !== null && { heading }) },
  };
}
