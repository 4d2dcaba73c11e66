import { AppError, type CollectionId, type ImportId, type ImportJob, type TenantId } from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, QueryResult, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type ImportRow, importColumns, toImport } from "./import-columns.ts";

/** An import as it is asked for. */
export interface NewImport {
  readonly id: ImportId;
  readonly collectionId: CollectionId;
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  readonly requestKey?: RequestKey | undefined;
}

/** Imports for those who ask for them; the worker carries them out. */
export interface ImportJobs {
  /**
   * Makes an import, or answers the one that the same key made.
   *
   * @throws AppError `resource_exhausted` where the tenant has 20 that are not over; `conflict`, reason
   * `idempotency_key_reused`.
   */
  create(tenantId: TenantId, asked: NewImport): Promise<Made<ImportJob>>;
  find(tenantId: TenantId, id: ImportId): Promise<ImportJob | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, collectionId: CollectionId, page: PageAsked): Promise<readonly ImportJob[]>;
  /** Has it cancelled: at once where nobody works on it, else after the batch under way. One that is over stays so. */
  cancel(tenantId: TenantId, id: ImportId): Promise<ImportJob | undefined>;
}

/** Of one tenant at a time: each takes the workers' attention. Judgement. */
const maxOpenImports = 20;

export function importJobs(database: Database): ImportJobs {
  const query = (tenantId: TenantId, statement: Sql): Promise<QueryResult<ImportRow>> =>
    database.queryAs<ImportRow>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement);
  return {
    create: (tenantId, asked) =>
      database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) => create(tx, tenantId, asked)),
    find: async (tenantId, id) => {
      const { rows } = await query(
        tenantId,
        sql`select ${importColumns} from import_job j where j.id = ${id} and j.tenant_id = ${tenantId}`,
      );
      return rows.map(toImport)[0];
    },
    list: async (tenantId, collectionId, { limit, after }) => {
      const { rows } = await query(
        tenantId,
        sql`
          select ${importColumns}
          from import_job j
          where j.tenant_id = ${tenantId} and j.collection_id = ${collectionId}
            ${after === undefined ? sql`` : sql`and (j.created_at, j.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
          order by j.created_at desc, j.id desc
          limit ${limit}`,
      );
      return rows.map(toImport);
    },
    cancel: async (tenantId, id) => {
      const { rows } = await query(
        tenantId,
        sql`
          update import_job j
          set cancel_asked = true,
            state = case j.state when 'queued' then 'cancelled' else j.state end,
            finished_at = case j.state when 'queued' then now() else j.finished_at end
          where j.id = ${id} and j.tenant_id = ${tenantId}
          returning ${importColumns}`,
      );
      return rows.map(toImport)[0];
    },
  };
}

async function create(tx: Transaction, tenantId: TenantId, asked: NewImport): Promise<Made<ImportJob>> {
  const { id, collectionId, key, etag, size, requestKey } = asked;
  const made: ImportJob = {
    ...{ id, collectionId, state: "queued", key, size, offset: 0, lines: 0, errors: [] },
    counts: { created: 0, updated: 0, unchanged: 0, changed: 0, failed: 0 },
    createdAt: tx.now.toISOString(),
  };
  const first = requestKey && (await claimFirst(tx, { tenantId, operation: "imports.create", ...requestKey }, made));
  if (first !== undefined) return { made: first, isReplay: true };
  // the tenant's row: of two at once the second counts the first
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { rowCount } = await tx.query(sql`
    insert into import_job (tenant_id, id, collection_id, key, etag, size)
    select ${tenantId}, ${id}, ${collectionId}, ${key}, ${etag}, ${size}
    where (select count(*) from import_job where tenant_id = ${tenantId} and finished_at is null) < ${maxOpenImports}`);
  if (rowCount > 0) return { made, isReplay: false };
  const message = `${maxOpenImports} imports are not over, the limit is ${maxOpenImports}`;
  throw new AppError("resource_exhausted", message, { retryAfterMs: 10_000 });
}
