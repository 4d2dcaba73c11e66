import type {
  ChunkId,
  ChunkVector,
  DocumentId,
  PendingChunk,
  PendingDocument,
  TenantId,
  TextLanguage,
} from "@devmesh/models";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { vectorText } from "../search/vector-sql.ts";
import type { CollectionKey } from "./document-writes.ts";
import { lexemesOf } from "./words.ts";

/** A document that was taken, and whose it is. */
export type ClaimedDocument = PendingDocument & { readonly tenantId: TenantId };

/** How much waits to be embedded. */
export interface Backlog {
  readonly claimed: number;
  readonly oldestSeconds: number | undefined;
}

/** What the pipeline that embeds needs. `version` is that of a document's content: new metadata alone keeps it. */
export interface PendingRepository {
  /**
   * Takes documents that wait, oldest first, so that nobody else takes them for `forMs`: those never taken, and those
   * whose time ran out. Tenants in turn, and in that order; of one that has `maxOfTenant` on the way or put off, none.
   */
  claim(limit: number, forMs: number, maxOfTenant?: number): Promise<readonly ClaimedDocument[]>;
  /**
   * What waits, over all tenants: how many are on the way now, counted to `atMost`, and how long the oldest has waited;
   * undefined where none waits.
   */
  backlog(atMost: number): Promise<Backlog>;
  /** The chunks without vector of documents that still have this version, given up or not, up to `limit`. */
  findChunks(
    tenantId: TenantId,
    documents: readonly PendingDocument[],
    limit: number,
  ): Promise<readonly (PendingChunk & { readonly document: PendingDocument })[]>;
  /** The contents of documents that still have this version. */
  findContents(tenantId: TenantId, documents: readonly PendingDocument[]): Promise<ReadonlyMap<DocumentId, string>>;
  /** What a model wrote about chunks: found by text from now on. */
  setContexts(collection: CollectionKey, contexts: ReadonlyMap<ChunkId, string>): Promise<void>;
  /**
   * Writes vectors of chunks that are still there; a document all of whose chunks have one is `indexed` then. Gives
   * those documents. A vector that is there already stays.
   */
  writeVectors(collection: CollectionKey, vectors: readonly ChunkVector[]): Promise<readonly DocumentId[]>;
  /** Puts off documents that still have this version: they are taken again in `forMs`, and not on the way until then. */
  postpone(tenantId: TenantId, documents: readonly PendingDocument[], forMs: number): Promise<void>;
  /** Gives up on documents that still have this version. */
  fail(
    tenantId: TenantId,
    documents: readonly PendingDocument[],
    error: { readonly code: string; readonly message: string },
  ): Promise<void>;
}

/** More than there are. */
const anyNumber = 2_147_483_647;
/** The most tenants that one claim looks at. Judgement. */
const maxTenants = 1_000;

/** What waits in Postgres; each call is a transaction of its own. */
export function pendingRepository(database: Database): PendingRepository {
  const run = <T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_value" }, work);
  return {
    claim: async (limit, forMs, maxOfTenant = anyNumber) => {
      const { rows } = await database.queryAs<ClaimedDocument>(
        { role: "devmesh_engine" },
        claimDocuments(limit, forMs, maxOfTenant),
      );
      return rows;
    },
    backlog: async (atMost) => {
      const { rows } = await database.queryAs<{ claimed: number; oldestSeconds: number | null }>(
        { role: "devmesh_engine" },
        sql`
          select (
            select count(*)::int from (
              select from pending_document p where p.error is null and p.on_the_way and p.due_at > now() limit ${atMost}
            ) p
          ) as claimed, (
            select extract(epoch from now() - p.since)::double precision
            from pending_document p where p.error is null order by p.since limit 1
          ) as "oldestSeconds"`,
      );
      return { claimed: rows[0]?.claimed ?? 0, oldestSeconds: rows[0]?.oldestSeconds ?? undefined };
    },
    findChunks: (tenantId, documents, limit) => run(tenantId, (tx) => findChunks(tx, documents, limit)),
    findContents: (tenantId, documents) => run(tenantId, (tx) => findContents(tx, documents)),
    setContexts: (collection, contexts) => run(collection.tenantId, (tx) => setContexts(tx, collection, contexts)),
    writeVectors: (collection, vectors) => run(collection.tenantId, (tx) => writeVectors(tx, collection, vectors)),
    postpone: async (tenantId, documents, forMs) => {
      await run(tenantId, (tx) =>
        tx.query(sql`
          update pending_document p
          set on_the_way = false, due_at = now() + make_interval(secs => ${forMs / 1_000}::double precision)
          from ${held(documents)} as h
          where p.document_id = h.document_id`),
      );
    },
    fail: async (tenantId, documents, error) => {
      await run(tenantId, (tx) =>
        tx.query(sql`
          update pending_document p set error = ${JSON.stringify(error)}::jsonb
          from ${held(documents)} as h
          where p.document_id = h.document_id`),
      );
    },
  };
}

/**
 * Tenants by one look into the index `pending_document_due` each, then the oldest of each, in turn. What another claim
 * holds is skipped, and what it took meanwhile is not due any more.
 */
function claimDocuments(limit: number, forMs: number, maxOfTenant: number): Sql {
  return sql`
    with recursive waiting (tenant_id) as (
      (select tenant_id from pending_document where error is null order by tenant_id limit 1)
      union all
      select (
        select p.tenant_id from pending_document p
        where p.error is null and p.tenant_id > w.tenant_id order by p.tenant_id limit 1
      )
      from waiting w
      where w.tenant_id is not null
    ), ranked as (
      select p.document_id, p.due_at, p.turn
      from (
        select tenant_id, (
          select count(*) from (
            select from pending_document p
            where p.tenant_id = t.tenant_id and p.error is null and p.due_at > now()
            limit ${maxOfTenant}
          ) p
        ) as held
        from waiting t where tenant_id is not null limit ${maxTenants}
      ) w
      cross join lateral (
        select p.document_id, p.due_at, row_number() over (order by p.due_at, p.document_id) as turn
        from pending_document p
        where p.tenant_id = w.tenant_id and p.error is null and p.due_at <= now()
        order by p.due_at, p.document_id
        limit ${limit}
      ) p
      where p.turn <= ${maxOfTenant} - w.held
      order by p.turn, p.due_at, p.document_id
      limit ${limit}
    ), claimed as materialized (
      select p.document_id
      from ranked
      join pending_document p using (document_id)
      where p.error is null and p.due_at <= now()
      order by p.document_id
      for update of p skip locked
    ), taken as (
      update pending_document p
      set on_the_way = true, due_at = now() + make_interval(secs => ${forMs / 1_000}::double precision)
      from claimed
      where p.document_id = claimed.document_id
      returning p.tenant_id, p.collection_id, p.document_id, p.version
    )
    select t.tenant_id as "tenantId", t.collection_id as "collectionId", t.document_id as "documentId", t.version
    from taken t
    join ranked r using (document_id)
    order by r.turn, r.due_at, document_id`;
}

/** Collection by collection, so that each statement is planned for one partition. */
async function findChunks(
  tx: Queryable,
  documents: readonly PendingDocument[],
  limit: number,
): Promise<readonly (PendingChunk & { readonly document: PendingDocument })[]> {
  const found: (PendingChunk & { readonly document: PendingDocument })[] = [];
  for (const [collectionId, group] of Map.groupBy(documents, (one) => one.collectionId)) {
    const documentsById = new Map(group.map((one) => [one.documentId, one]));
    const { rows } = await tx.query<ChunkRow>(sql`
      select c.document_id as "documentId", c.id, c.ordinal, c.content, c.heading, c.context
      from chunk c
      where c.collection_id = ${collectionId} and c.document_id = any (${stillPending(group)})
        and not exists (
          select from chunk_vector v where v.collection_id = ${collectionId} and v.chunk_id = c.id
        )
      order by c.document_id, c.ordinal
      limit ${limit - found.length}`);
    for (const row of rows) {
      const document = documentsById.get(row.documentId);
      if (document !== undefined) found.push(toPendingChunk(row, document));
    }
  }
  return found;
}

interface ChunkRow {
  readonly documentId: DocumentId;
  readonly id: ChunkId;
  readonly ordinal: number;
  readonly content: string;
  readonly heading: string | null;
  readonly context: string | null;
}

function toPendingChunk({ id, ordinal, content, heading, context }: ChunkRow, document: PendingDocument) {
  return { document, id, ordinal, content, heading: heading ?? undefined, context: context ?? undefined };
}

async function findContents(
  tx: Queryable,
  documents: readonly PendingDocument[],
): Promise<ReadonlyMap<DocumentId, string>> {
  const contents = new Map<DocumentId, string>();
  for (const [collectionId, group] of Map.groupBy(documents, (one) => one.collectionId)) {
    const { rows } = await tx.query<{ id: DocumentId; content: string }>(sql`
      select d.id, d.content from document d
      where d.collection_id = ${collectionId} and d.id = any (${stillPending(group)})`);
    for (const { id, content } of rows) contents.set(id, content);
  }
  return contents;
}

/** Ids of those documents that still have this version, and are not indexed. */
function stillPending(documents: readonly PendingDocument[]): Sql {
  return sql`array(
          select p.document_id from ${versionsOf(documents)} as w (id, version)
          join pending_document p on p.document_id = w.id and p.version = w.version
        )`;
}

/** Those that still have this version, and were not given up, locked in the order in which all lock them. */
function held(documents: readonly PendingDocument[]): Sql {
  return sql`(
            select p.document_id from ${versionsOf(documents)} as w (id, version)
            join pending_document p on p.document_id = w.id and p.version = w.version
            where p.error is null
            order by p.document_id
            for update of p
          )`;
}

function versionsOf(documents: readonly PendingDocument[]): Sql {
  return unnest(
    ["uuid", documents.map(({ documentId }) => documentId)],
    ["int", documents.map(({ version }) => version)],
  );
}

async function setContexts(
  tx: Queryable,
  { tenantId, collectionId }: CollectionKey,
  contexts: ReadonlyMap<ChunkId, string>,
): Promise<void> {
  if (contexts.size === 0) return;
  const { rows } = await tx.query<{ language: TextLanguage }>(sql`
    select language from collection where tenant_id = ${tenantId} and id = ${collectionId}`);
  const [collection] = rows;
  if (collection === undefined) return;
  const sources = { heading: sql`c.heading`, context: sql`w.context`, content: sql`c.content` };
  await tx.query(sql`
    update chunk c set context = w.context, words = ${lexemesOf(collection.language, sources)}
    from ${unnest(["uuid", [...contexts.keys()]], ["text", [...contexts.values()]])} as w (id, context)
    where c.collection_id = ${collectionId} and c.id = w.id`);
}

/** Of two at once that write vectors of one document the second sees those of the first: each holds what waits of it. */
async function writeVectors(
  tx: Queryable,
  { tenantId, collectionId }: CollectionKey,
  vectors: readonly ChunkVector[],
): Promise<readonly DocumentId[]> {
  if (vectors.length === 0) return [];
  const ids = vectors.map(({ chunkId }) => chunkId);
  const { rows: held } = await tx.query<{ id: DocumentId; storage: "vector" | "halfvec" }>(sql`
    select p.document_id as id, k.storage
    from pending_document p
    join collection k on k.tenant_id = p.tenant_id and k.id = p.collection_id
    where p.document_id in (
      select c.document_id from chunk c where c.collection_id = ${collectionId} and c.id = any (${ids}::uuid[])
    )
    order by p.document_id
    for update of p`);
  const [first] = held;
  if (first === undefined) return [];
  const documentIds = held.map(({ id }) => id);
  const column = first.storage === "vector" ? sql`embedding` : sql`half`;
  const type = first.storage === "vector" ? sql`vector` : sql`halfvec`;
  await tx.query(sql`
    insert into chunk_vector (tenant_id, collection_id, document_id, chunk_id, ${column})
    select ${tenantId}, ${collectionId}, c.document_id, c.id, w.vector::${type}
    from ${unnest(["uuid", ids], ["text", vectors.map(({ vector }) => vectorText(vector))])} as w (id, vector)
    join chunk c on c.collection_id = ${collectionId} and c.id = w.id and c.document_id = any (${documentIds}::uuid[])
    on conflict (collection_id, chunk_id) do nothing`);
  const { rows } = await tx.query<{ id: DocumentId }>(sql`
    delete from pending_document p
    where p.document_id = any (${documentIds}::uuid[]) and not exists (
      select from chunk c
      where c.collection_id = ${collectionId} and c.document_id = p.document_id and not exists (
        select from chunk_vector v where v.collection_id = ${collectionId} and v.chunk_id = c.id
      )
    )
    returning p.document_id as id`);
  return rows.map(({ id }) => id);
}
