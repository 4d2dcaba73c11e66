import {
  AppError,
  type Collection,
  type CollectionCounts,
  type CollectionId,
  type CollectionKind,
  isUuid,
  type MetadataField,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { violatedConstraint } from "../database/database-errors.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type CollectionRow, collectionColumns, toCollection } from "./collection-columns.ts";

/** A collection as it is written: the time is the database's. */
export type NewCollectionRow = Omit<Collection, "createdAt">;

/** A tenant's collections. Those of another tenant, and deleted ones, are absent from every answer. */
export interface CollectionRepository {
  /**
   * Makes a collection with its partitions and its index, or answers the one that the same key made.
   *
   * @throws AppError `conflict` for a name that is taken, and, reason `idempotency_key_reused`, for a key that came with
   * another body; `failed_precondition` where the tenant has `max` of kind `user` already.
   */
  create(
    collection: NewCollectionRow,
    options: { readonly max: number; readonly key?: RequestKey | undefined },
  ): Promise<Made<Collection>>;
  /** The tenant's one collection of a kind that the mesh keeps; made by `template` where there is none yet. */
  ensure(template: NewCollectionRow & { readonly kind: Exclude<CollectionKind, "user"> }): Promise<Collection>;
  /** By ids or names; what is not there is left out. Of kind `user` alone. */
  findAll(tenantId: TenantId, idsOrNames: readonly string[]): Promise<readonly Collection[]>;
  /** By id, of any kind. */
  find(tenantId: TenantId, id: CollectionId): Promise<Collection | undefined>;
  /** All are 0 where there is none. Reads an index over the collection's documents: 10 ms for 100,000. */
  counts(tenantId: TenantId, id: CollectionId): Promise<CollectionCounts>;
  /** Of kind `user`, newest first. */
  list(tenantId: TenantId, page: PageAsked): Promise<readonly Collection[]>;
  /** Gone at once for everybody; `prune` frees its storage. False where there is none. */
  delete(tenantId: TenantId, id: CollectionId): Promise<boolean>;
  /** What metadata the documents of collections have ever had, as far as it was recorded. */
  fields(tenantId: TenantId, ids: readonly CollectionId[]): Promise<readonly MetadataField[]>;
}

/** The collections in Postgres; each call is a transaction of its own. */
export function collectionRepository(database: Database): CollectionRepository {
  const run = <T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_value" }, work);
  const select = (tenantId: TenantId, conditions: Sql): Promise<readonly Collection[]> =>
    run(tenantId, async (tx) => {
      const { rows } = await tx.query<CollectionRow>(sql`
        select ${collectionColumns}
        from collection c
        where c.tenant_id = ${tenantId} and c.deleted_at is null and ${conditions}`);
      return rows.map(toCollection);
    });
  return {
    create: (collection, options) => run(collection.tenantId, (tx) => createCollection(tx, collection, options)),
    ensure: async (template) => {
      const ofKind = sql`c.kind = ${template.kind}`;
      const [found] = await select(template.tenantId, ofKind);
      return found ?? run(template.tenantId, (tx) => ensureCollection(tx, template));
    },
    findAll: (tenantId, idsOrNames) => {
      const ids = idsOrNames.map((one) => one.toLowerCase()).filter(isUuid);
      return select(
        tenantId,
        sql`c.kind = 'user' and (c.id = any (${ids}::uuid[]) or c.name = any (${idsOrNames}::text[]))`,
      );
    },
    find: async (tenantId, id) => (await select(tenantId, sql`c.id = ${id}`))[0],
    counts: (tenantId, id) => run(tenantId, (tx) => countDocuments(tx, tenantId, id)),
    list: (tenantId, { limit, after }) =>
      select(
        tenantId,
        sql`c.kind = 'user'
          ${after === undefined ? sql`` : sql`and (c.created_at, c.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
        order by c.created_at desc, c.id desc
        limit ${limit}`,
      ),
    delete: (tenantId, id) =>
      run(tenantId, async (tx) => {
        const { rowCount } = await tx.query(sql`
          update collection set deleted_at = now() where tenant_id = ${tenantId} and id = ${id} and deleted_at is null`);
        await tx.query(sql`delete from pending_document where tenant_id = ${tenantId} and collection_id = ${id}`);
        return rowCount > 0;
      }),
    fields: (tenantId, ids) => run(tenantId, (tx) => findFields(tx, tenantId, ids)),
  };
}

/** The tenant's row is locked, so that the number is still right when the collection is written. */
async function createCollection(
  tx: Transaction,
  asked: NewCollectionRow,
  { max, key }: { readonly max: number; readonly key?: RequestKey | undefined },
): Promise<Made<Collection>> {
  const { tenantId, name } = asked;
  const made: Collection = { ...asked, createdAt: tx.now };
  const first = key && (await claimFirst(tx, { tenantId, operation: "collections.create", ...key }, made));
  if (first !== undefined) return { made: revive(first), isReplay: true };
  await lockTenant(tx, tenantId);
  const { rows } = await tx.query<{ count: number; isTaken: boolean }>(sql`
    select count(*)::int as count, coalesce(bool_or(c.name = ${name}), false) as "isTaken"
    from collection c
    where c.tenant_id = ${tenantId} and c.kind = 'user' and c.deleted_at is null`);
  if (rows[0]?.isTaken) throw nameTaken(name);
  if ((rows[0]?.count ?? 0) >= max) {
    throw new AppError("failed_precondition", `the tenant has ${max} collections already, the most it may`);
  }
  await insertCollection(tx, asked).catch((error: unknown) => {
    throw violatedConstraint(error) === "collection_name" ? nameTaken(name) : error;
  });
  return { made, isReplay: false };
}

async function ensureCollection(tx: Transaction, template: NewCollectionRow): Promise<Collection> {
  const { tenantId, kind } = template;
  await lockTenant(tx, tenantId);
  const { rows } = await tx.query<CollectionRow>(sql`
    select ${collectionColumns} from collection c
    where c.tenant_id = ${tenantId} and c.kind = ${kind} and c.deleted_at is null`);
  if (rows[0] !== undefined) return toCollection(rows[0]);
  await insertCollection(tx, template);
  return { ...template, createdAt: tx.now };
}

async function lockTenant(tx: Queryable, tenantId: TenantId): Promise<void> {
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
}

/** The row, and then what only `make_collection_storage` may make: partitions and the index that the row asks for. */
async function insertCollection(tx: Queryable, asked: NewCollectionRow): Promise<void> {
  const { tenantId, id, hnsw } = asked;
  await tx.query(sql`
    insert into collection (tenant_id, id, kind, name, description, model, dimensions, distance, storage, hnsw_m,
      hnsw_ef_construction, hnsw_ef_search, chunking, context, language)
    values (${tenantId}, ${id}, ${asked.kind}, ${asked.name}, ${asked.description}, ${asked.model}, ${asked.dimensions},
      ${asked.distance}, ${asked.storage}, ${hnsw.m}, ${hnsw.efConstruction}, ${hnsw.efSearch},
      ${JSON.stringify(asked.chunking)}, ${asked.context}, ${asked.language})`);
  await tx.query(sql`select make_collection_storage(${tenantId}, ${id})`);
}

async function countDocuments(tx: Queryable, tenantId: TenantId, id: CollectionId): Promise<CollectionCounts> {
  const { rows } = await tx.query<CollectionCounts>(sql`
    select d.documents, d.chunks, p.pending, p.failed
    from (
      select count(*) as documents, coalesce(sum(d.chunk_count), 0)::bigint as chunks
      from document d
      where d.collection_id = ${id} and exists (
        select from collection c where c.tenant_id = ${tenantId} and c.id = ${id} and c.deleted_at is null
      )
    ) d, (
      select count(*) filter (where p.error is null) as pending, count(*) filter (where p.error is not null) as failed
      from pending_document p
      where p.tenant_id = ${tenantId} and p.collection_id = ${id}
    ) p`);
  return rows[0] ?? { documents: 0, chunks: 0, pending: 0, failed: 0 };
}

async function findFields(
  tx: Queryable,
  tenantId: TenantId,
  ids: readonly CollectionId[],
): Promise<readonly MetadataField[]> {
  const { rows } = await tx.query<MetadataField>(sql`
    select f.path, array_agg(distinct f.type) as types
    from collection_field f
    where f.tenant_id = ${tenantId} and f.collection_id = any (${ids}::uuid[])
    group by f.path
    order by f.path`);
  return rows;
}

/** What a key's response kept as JSON. */
function revive(kept: Collection): Collection {
  const { description, createdAt, ...rest } = kept;
  return { ...rest, description, createdAt: new Date(createdAt) };
}

function nameTaken(name: string): AppError {
  return new AppError("conflict", `there is a collection ${JSON.stringify(name)} already`);
}
