import {
  AppError,
  type ChunkId,
  type CollectionId,
  type DocumentId,
  type DocumentOutcome,
  type DocumentWrite,
  type TenantId,
  type TextLanguage,
  type WritingImport,
} from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { lexemesOf } from "./words.ts";

/** A collection of a tenant. */
export interface CollectionKey {
  readonly tenantId: TenantId;
  readonly collectionId: CollectionId;
}

/** Documents for one collection, all of different external ids, and the import that brings them. */
export interface DocumentBatch {
  readonly collection: CollectionKey;
  readonly documents: readonly DocumentWrite[];
  readonly by: WritingImport | undefined;
}

type ChunkWrite = DocumentWrite["chunks"][number] & { readonly documentId: DocumentId };

/** A statement has 15 s: 16 MiB of nothing but different words take 11 s of an idle machine. Measured. */
const chunksAtOnce = 1_000;

interface Written {
  readonly externalId: string;
  readonly id: DocumentId;
  readonly version: number;
  readonly contentVersion: number;
}

interface LeftAlone {
  readonly externalId: string;
  readonly id: DocumentId;
  readonly version: number;
  readonly isUnchanged: boolean;
}

/**
 * Writes documents with their chunks, by external id, in the order of external ids, so that two batches never wait for
 * each other crosswise. The collection's row is held, so that it is not deleted meanwhile.
 *
 * @throws AppError `not_found` where the collection is gone.
 */
export async function writeDocuments(tx: Queryable, batch: DocumentBatch): Promise<readonly DocumentOutcome[]> {
  const language = await holdCollection(tx, batch.collection);
  const written = await upsertDocuments(tx, batch);
  const cut = new Map(written.flatMap((one) => (one.version === one.contentVersion ? [[one.externalId, one]] : [])));
  const replaced = [...cut.values()].filter(({ version }) => version > 1).map(({ id }) => id);
  const works: Promise<unknown>[] = [writePending(tx, batch.collection, [...cut.values()])];
  if (replaced.length > 0) works.push(deleteChunks(tx, batch.collection, replaced));
  works.push(insertChunks(tx, batch, cut, language));
  const [left] = await Promise.all([findLeftAlone(tx, batch, written), ...works]);
  await retryFailed(tx, left);
  return toOutcomes(batch.documents, written, left);
}

async function holdCollection(tx: Queryable, { tenantId, collectionId }: CollectionKey): Promise<TextLanguage> {
  const { rows } = await tx.query<{ language: TextLanguage }>(sql`
    select language from collection
    where tenant_id = ${tenantId} and id = ${collectionId} and deleted_at is null
    for share`);
  const [row] = rows;
  if (row === undefined) throw new AppError("not_found", `no collection "${collectionId}"`);
  return row.language;
}

/** True where another than this import wrote document `d` since it began. */
function isChanged(by: WritingImport | undefined): Sql {
  if (by === undefined) return sql`false`;
  return sql`d.updated_at > ${by.since} and d.import_id is distinct from ${by.importId}::uuid`;
}

/** Gives those that are new or other than they were. `version` is 1 for a new one alone. */
async function upsertDocuments(
  tx: Queryable,
  { collection, documents, by }: DocumentBatch,
): Promise<readonly Written[]> {
  const { rows } = await tx.query<Written>(sql`
    insert into document as d (tenant_id, collection_id, id, external_id, media_type, metadata, content_hash, chunk_count,
      import_id, content)
    select ${collection.tenantId}, ${collection.collectionId}, w.id, w.external_id, w.media_type, w.metadata,
      w.content_hash, w.chunk_count, ${by?.importId}::uuid, w.content
    from ${unnest(
      ["uuid", documents.map(({ id }) => id)],
      ["text", documents.map(({ externalId }) => externalId)],
      ["text", documents.map(({ mediaType }) => mediaType)],
      ["jsonb", documents.map(({ metadata }) => JSON.stringify(metadata))],
      ["text", documents.map(({ contentHash }) => contentHash)],
      ["int", documents.map(({ chunks }) => chunks.length)],
      ["text", documents.map(({ content }) => content)],
    )} as w (id, external_id, media_type, metadata, content_hash, chunk_count, content)
    order by w.external_id collate "C"
    on conflict (collection_id, external_id) do update
    set media_type = excluded.media_type, metadata = excluded.metadata, content_hash = excluded.content_hash,
      version = d.version + 1,
      content_version = case when d.content_hash = excluded.content_hash then d.content_version else d.version + 1 end,
      chunk_count = excluded.chunk_count, import_id = excluded.import_id, updated_at = now(),
      content = case when d.content_hash = excluded.content_hash then d.content else excluded.content end
    where (d.content_hash <> excluded.content_hash or d.metadata <> excluded.metadata) and not (${isChanged(by)})
    returning d.external_id as "externalId", d.id, d.version, d.content_version as "contentVersion"`);
  return rows;
}

/** Of documents that were not written: why. The upsert has locked them. */
async function findLeftAlone(
  tx: Queryable,
  { collection, documents, by }: DocumentBatch,
  written: readonly Written[],
): Promise<readonly LeftAlone[]> {
  const done = new Set(written.map(({ externalId }) => externalId));
  const left = documents.filter(({ externalId }) => !done.has(externalId));
  if (left.length === 0) return [];
  const { rows } = await tx.query<LeftAlone>(sql`
    select d.external_id as "externalId", d.id, d.version,
      (d.content_hash = w.content_hash and d.metadata = w.metadata) or not (${isChanged(by)}) as "isUnchanged"
    from ${unnest(
      ["text", left.map(({ externalId }) => externalId)],
      ["jsonb", left.map(({ metadata }) => JSON.stringify(metadata))],
      ["text", left.map(({ contentHash }) => contentHash)],
    )} as w (external_id, metadata, content_hash)
    join document d on d.collection_id = ${collection.collectionId} and d.external_id = w.external_id`);
  return rows;
}

/** Before chunks are touched: who writes vectors of a document holds this row. */
async function writePending(
  tx: Queryable,
  { tenantId, collectionId }: CollectionKey,
  cut: readonly Written[],
): Promise<void> {
  if (cut.length === 0) return;
  await tx.query(sql`
    insert into pending_document (tenant_id, collection_id, document_id, version)
    select ${tenantId}, ${collectionId}, w.id, w.version
    from ${unnest(["uuid", cut.map(({ id }) => id)], ["int", cut.map(({ version }) => version)])} as w (id, version)
    order by w.id
    on conflict (document_id) do update set version = excluded.version, due_at = now(), since = now(), error = null`);
}

/** A document that was given up is tried again when it is written again, though nothing of it has changed. */
async function retryFailed(tx: Queryable, left: readonly LeftAlone[]): Promise<void> {
  const ids = left.flatMap(({ id, isUnchanged }) => (isUnchanged ? [id] : []));
  if (ids.length === 0) return;
  await tx.query(sql`
    update pending_document p set error = null, due_at = now(), since = now()
    from (
      select document_id from pending_document
      where document_id = any (${ids}::uuid[]) and error is not null
      order by document_id
      for update
    ) as h
    where p.document_id = h.document_id`);
}

/** With their vectors. */
export async function deleteChunks(
  tx: Queryable,
  { collectionId }: CollectionKey,
  documentIds: readonly DocumentId[],
): Promise<void> {
  await tx.query(sql`
    with vectors as (
      delete from chunk_vector where collection_id = ${collectionId} and document_id = any (${documentIds}::uuid[])
    )
    delete from chunk where collection_id = ${collectionId} and document_id = any (${documentIds}::uuid[])`);
}

async function insertChunks(
  tx: Queryable,
  { collection, documents }: DocumentBatch,
  cut: ReadonlyMap<string, Written>,
  language: TextLanguage,
): Promise<void> {
  const chunks = documents.flatMap(({ externalId, chunks: all }) => {
    const document = cut.get(externalId);
    return document === undefined ? [] : all.map((chunk) => ({ ...chunk, documentId: document.id }));
  });
  for (let from = 0; from < chunks.length; from += chunksAtOnce) {
    await insertPart(tx, collection, { chunks: chunks.slice(from, from + chunksAtOnce), language });
  }
}

async function insertPart(
  tx: Queryable,
  collection: CollectionKey,
  { chunks, language }: { readonly chunks: readonly ChunkWrite[]; readonly language: TextLanguage },
): Promise<void> {
  await tx.query(sql`
    insert into chunk (tenant_id, collection_id, document_id, id, ordinal, start_at, end_at, tokens, heading, content, words)
    select ${collection.tenantId}, ${collection.collectionId}, w.document_id, w.id, w.ordinal, w.start_at, w.end_at,
      w.tokens, w.heading, w.content,
      ${lexemesOf(language, { heading: sql`w.heading`, context: sql`null`, content: sql`w.content` })}
    from ${unnest(
      ["uuid", chunks.map(({ documentId }) => documentId)],
      ["uuid", chunks.map(({ id }): ChunkId => id)],
      ["int", chunks.map(({ ordinal }) => ordinal)],
      ["int", chunks.map(({ start }) => start)],
      ["int", chunks.map(({ end }) => end)],
      ["int", chunks.map(({ tokens }) => tokens)],
      ["text", chunks.map(({ heading }) => heading)],
      ["text", chunks.map(({ content }) => content)],
    )} as w (document_id, id, ordinal, start_at, end_at, tokens, heading, content)`);
}

function toOutcomes(
  documents: readonly DocumentWrite[],
  written: readonly Written[],
  left: readonly LeftAlone[],
): readonly DocumentOutcome[] {
  const outcomes = new Map<string, DocumentOutcome>();
  for (const { externalId, id, version } of written) {
    outcomes.set(externalId, { outcome: version === 1 ? "created" : "updated", id, version });
  }
  for (const { externalId, id, version, isUnchanged } of left) {
    outcomes.set(externalId, { outcome: isUnchanged ? "unchanged" : "changed", id, version });
  }
  return documents.map(({ externalId }) => {
    const outcome = outcomes.get(externalId);
    if (outcome === undefined) throw new Error(`document ${JSON.stringify(externalId)} was neither written nor found`);
    return outcome;
  });
}
