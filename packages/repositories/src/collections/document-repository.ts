import {
  type CollectionId,
  type DocumentId,
  type DocumentOutcome,
  type DocumentState,
  type DocumentWrite,
  isUuid,
  type Metadata,
  type StoredDocument,
  type WritingImport,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, keepResult, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type CollectionKey, type DocumentBatch, deleteChunks, writeDocuments } from "./document-writes.ts";
import { createKnownFields, recordFields } from "./metadata-fields.ts";

/** Which documents of a collection are listed. */
export interface DocumentPage extends PageAsked {
  readonly state?: DocumentState | undefined;
}

/** Documents and their chunks. What is of another tenant, or gone, is absent from every answer. */
export interface DocumentRepository {
  /**
   * Writes documents with their chunks in one transaction, by external id; one with the content hash and metadata that
   * are there already is left as it is, and tried again if it had been given up. New metadata alone keeps chunks and
   * vectors. Outcomes are in the order of `documents`, whose external ids are all different.
   *
   * @throws AppError `not_found` where the collection is gone.
   */
  write(
    collection: CollectionKey,
    documents: readonly DocumentWrite[],
    by?: WritingImport,
  ): Promise<readonly DocumentOutcome[]>;
  /**
   * The same once a key, or what the key's first request came to.
   *
   * @throws AppError also `conflict`, reason `idempotency_key_reused`, for a key that came with another body.
   */
  writeOnce(
    collection: CollectionKey,
    documents: readonly DocumentWrite[],
    key: RequestKey,
  ): Promise<Made<readonly DocumentOutcome[]>>;
  /** By id or external id, with its content. An id goes before an external id that looks like it. */
  find(collection: CollectionKey, idOrExternalId: string): Promise<StoredDocument | undefined>;
  /** Newest first, without content. */
  list(collection: CollectionKey, page: DocumentPage): Promise<readonly StoredDocument[]>;
  /** By ids or external ids; how many there were. */
  delete(collection: CollectionKey, idsOrExternalIds: readonly string[]): Promise<number>;
}

interface DocumentRow {
  readonly id: DocumentId;
  readonly collectionId: CollectionId;
  readonly externalId: string;
  readonly mediaType: string | null;
  readonly metadata: Metadata;
  readonly state: DocumentState;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly version: number;
  readonly chunks: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly content?: string;
}

/** Of document `d` and what waits of it, `p`. */
const columns: Sql = sql`d.id, d.collection_id as "collectionId", d.external_id as "externalId",
  d.media_type as "mediaType", d.metadata, d.version, d.chunk_count as chunks, d.created_at as "createdAt",
  d.updated_at as "updatedAt", p.error,
  case when p.document_id is null then 'indexed' when p.error is null then 'pending' else 'failed' end as state`;

const inState: Readonly<Record<DocumentState, Sql>> = {
  indexed: sql`and p.document_id is null`,
  pending: sql`and p.document_id is not null and p.error is null`,
  failed: sql`and p.error is not null`,
};

/** Before a new partition has statistics the planner takes it for small, and would rather read and sort all of it. */
const walkInOrder: Sql = sql`
  select set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)`;

/** The documents in Postgres; each call is a transaction of its own. One instance remembers which fields it recorded. */
export function documentRepository(database: Database): DocumentRepository {
  const known = createKnownFields();
  const run = <T>({ tenantId }: CollectionKey, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_value" }, work);
  const writing = async <T>(
    collection: CollectionKey,
    documents: readonly DocumentWrite[],
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> => {
    const fields = known.missing(
      collection.collectionId,
      documents.map(({ metadata }) => metadata),
    );
    const written = await run(collection, async (tx) => {
      const result = await work(tx);
      await recordFields(tx, collection, fields);
      return result;
    });
    if (fields.length > 0) known.add(collection.collectionId, fields);
    return written;
  };
  return {
    write: async (collection, documents, by) => {
      if (documents.length === 0) return [];
      return writing(collection, documents, (tx) => writeDocuments(tx, { collection, documents, by }));
    },
    writeOnce: (collection, documents, key) =>
      writing(collection, documents, (tx) => writeOnce(tx, { collection, documents, by: undefined }, key)),
    find: (collection, idOrExternalId) =>
      run(collection, async (tx) => {
        const { rows } = await tx.query<DocumentRow>(sql`
          select ${columns}, d.content
          ${fromDocuments(collection)} and (${isNamed([idOrExternalId])})
          order by d.external_id = ${idOrExternalId}
          limit 1`);
        return rows.map(toDocument)[0];
      }),
    list: (collection, { limit, after, state }) =>
      run(collection, async (tx) => {
        if (state === undefined || state === "indexed") await tx.query(walkInOrder);
        const { rows } = await tx.query<DocumentRow>(sql`
          select ${columns}
          ${fromDocuments(collection)}
            ${state === undefined ? sql`` : inState[state]}
            ${after === undefined ? sql`` : sql`and (d.created_at, d.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
          order by d.created_at desc, d.id desc
          limit ${limit}`);
        return rows.map(toDocument);
      }),
    delete: (collection, names) => run(collection, (tx) => deleteDocuments(tx, collection, names)),
  };
}

async function writeOnce(
  tx: Queryable,
  batch: DocumentBatch,
  key: RequestKey,
): Promise<Made<readonly DocumentOutcome[]>> {
  const claim = { tenantId: batch.collection.tenantId, operation: "documents.add", ...key };
  const first = await claimFirst<readonly DocumentOutcome[]>(tx, claim, []);
  if (first !== undefined) return { made: first, isReplay: true };
  const made = await writeDocuments(tx, batch);
  await keepResult(tx, claim, made);
  return { made, isReplay: false };
}

/** Walks `document_listed`, or what waits where that is less. Nothing of a collection that was deleted. */
function fromDocuments({ tenantId, collectionId }: CollectionKey): Sql {
  return sql`from document d
          left join pending_document p on p.document_id = d.id
          where d.tenant_id = ${tenantId} and d.collection_id = ${collectionId} and exists (
            select from collection c where c.tenant_id = ${tenantId} and c.id = ${collectionId} and c.deleted_at is null
          )`;
}

function isNamed(names: readonly string[]): Sql {
  const ids = names.map((one) => one.toLowerCase()).filter(isUuid);
  return sql`d.external_id = any (${names}::text[]) or d.id = any (${ids}::uuid[])`;
}

/** Locks in the order in which they are written; then what waits of them, as whoever writes vectors does. */
async function deleteDocuments(tx: Queryable, collection: CollectionKey, names: readonly string[]): Promise<number> {
  const { tenantId, collectionId } = collection;
  const { rows } = await tx.query<{ id: DocumentId }>(sql`
    with named as materialized (
      select d.id from document d
      where d.tenant_id = ${tenantId} and d.collection_id = ${collectionId} and (${isNamed(names)})
      order by d.external_id
      for update
    )
    delete from document d using named where d.collection_id = ${collectionId} and d.id = named.id
    returning d.id`);
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await tx.query(sql`delete from pending_document where document_id = any (${ids.toSorted()}::uuid[])`);
  await deleteChunks(tx, collection, ids);
  return ids.length;
}

function toDocument({ mediaType, error, createdAt, updatedAt, ...row }: DocumentRow): StoredDocument {
  return {
    ...row,
    ...(mediaType !== null && { mediaType }),
    ...(row.state === "failed" && error !== null && { error }),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
