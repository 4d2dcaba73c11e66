import {
  AppError,
  type ContextId,
  type ContextState,
  type ContextWrite,
  maxContexts,
  maxContextsBytes,
  type StoredContext,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type ContextRow, contextColumns, standingOf, toStoredContext } from "./context-columns.ts";

/** Contexts for those who make and read them. Deleted ones, and another tenant's, are absent from every answer. */
export interface ContextRepository {
  /**
   * Makes a context that waits for its upload, or answers the one that the same key made.
   *
   * @throws AppError `resource_exhausted`, reason `quota`, where it would be one too many, or its bytes too many, of those
   * that are not expired; `conflict`, reason `idempotency_key_reused`; `not_found` where the key's has been deleted.
   */
  create(tenantId: TenantId, context: ContextWrite, key: RequestKey | undefined): Promise<Made<StoredContext>>;
  find(tenantId: TenantId, id: ContextId): Promise<StoredContext | undefined>;
  /** Those of them that can be read now. */
  findReady(tenantId: TenantId, ids: readonly ContextId[]): Promise<ReadonlySet<ContextId>>;
  /** Newest first. */
  list(
    tenantId: TenantId,
    page: PageAsked & { readonly state?: ContextState | undefined },
  ): Promise<readonly StoredContext[]>;
  /**
   * The object is there, as promised. Answers the context as it is then: one that was `ready` already, or has expired,
   * unchanged.
   */
  complete(tenantId: TenantId, id: ContextId, etag: string): Promise<StoredContext | undefined>;
  /** Gone at once for everybody; what belongs to it is removed afterwards. False where there is none. */
  delete(tenantId: TenantId, id: ContextId): Promise<boolean>;
}

/** Contexts in Postgres. */
export function contextRepository(database: Database): ContextRepository {
  const scopeOf = (tenantId: TenantId) => ({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }) as const;
  const query = async (tenantId: TenantId, statement: Sql): Promise<readonly StoredContext[]> => {
    const { rows } = await database.queryAs<ContextRow>(scopeOf(tenantId), statement);
    return rows.map(toStoredContext);
  };
  return {
    create: (tenantId, context, key) =>
      database.transaction(scopeOf(tenantId), (tx) => create(tx, tenantId, { context, key })),
    find: async (tenantId, id) => (await query(tenantId, findContext(tenantId, id)))[0],
    findReady: async (tenantId, ids) => {
      if (ids.length === 0) return new Set();
      const { rows } = await database.queryAs<{ readonly id: ContextId }>(
        scopeOf(tenantId),
        sql`
          select c.id
          from context c
          where c.id = any (${ids}::uuid[]) and c.tenant_id = ${tenantId} and c.deleted_at is null
            and ${standingOf} = 'ready'`,
      );
      return new Set(rows.map(({ id }) => id));
    },
    list: (tenantId, { limit, after, state }) =>
      query(
        tenantId,
        sql`
          select ${contextColumns}
          from context c
          where c.tenant_id = ${tenantId} and c.deleted_at is null
            ${after === undefined ? sql`` : sql`and (c.created_at, c.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
            ${state === undefined ? sql`` : sql`and ${standingOf} = ${state}`}
          order by c.created_at desc, c.id desc
          limit ${limit}`,
      ),
    complete: async (tenantId, id, etag) => {
      const [completed] = await query(
        tenantId,
        sql`
          update context c
          set state = 'ready', etag = ${etag}, ready_at = now(), sweep_at = expires_at,
            digest_at = case when 'pending' in (summary_state, embedding_state) then now() end
          where c.id = ${id} and c.tenant_id = ${tenantId} and c.deleted_at is null and ${standingOf} = 'uploading'
          returning ${contextColumns}`,
      );
      return completed ?? (await query(tenantId, findContext(tenantId, id)))[0];
    },
    delete: async (tenantId, id) => {
      // what is being made of it is finished first: the sweep waits for that claim
      const { rowCount } = await database.queryAs(
        scopeOf(tenantId),
        sql`
          update context
          set deleted_at = now(), sweep_at = now(), summary = null,
            digest_at = case when digest_at > now() and digest_tries > 0 then digest_at end
          where id = ${id} and tenant_id = ${tenantId} and deleted_at is null`,
      );
      return rowCount > 0;
    },
  };
}

function findContext(tenantId: TenantId, id: ContextId): Sql {
  return sql`
    select ${contextColumns}
    from context c
    where c.id = ${id} and c.tenant_id = ${tenantId} and c.deleted_at is null`;
}

async function create(
  tx: Transaction,
  tenantId: TenantId,
  { context, key }: { readonly context: ContextWrite; readonly key: RequestKey | undefined },
): Promise<Made<StoredContext>> {
  const { id } = context;
  const first = key && (await claimFirst(tx, { tenantId, operation: "contexts.create", ...key }, { id }));
  if (first !== undefined) {
    const { rows } = await tx.query<ContextRow>(findContext(tenantId, first.id));
    const [row] = rows;
    if (row === undefined) throw new AppError("not_found", `context ${first.id}, which this key made, was deleted`);
    return { made: toStoredContext(row), isReplay: true };
  }
  // the tenant's row: of two at once the second counts the first
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  await assertRoom(tx, tenantId, context.size);
  const { rows } = await tx.query<ContextRow>(sql`
    insert into context as c (tenant_id, id, name, media_type, size, sha256, metadata, summary_state, embedding_state,
      expires_at, sweep_at)
    select ${tenantId}, ${id}, ${context.name}, ${context.mediaType}, ${context.size}, decode(${context.sha256}, 'hex'),
      ${JSON.stringify(context.metadata)}::jsonb, ${context.summarize ? "pending" : "none"},
      ${context.embed ? "pending" : "none"}, expiry, least(expiry, now() + interval '24 hours')
    from (select now() + ${context.expiresInSeconds}::int * interval '1 second') as term (expiry)
    returning ${contextColumns}`);
  const [row] = rows;
  if (row === undefined) throw new AppError("internal", "a context was written and is not there");
  return { made: toStoredContext(row), isReplay: false };
}

async function assertRoom(tx: Transaction, tenantId: TenantId, size: number): Promise<void> {
  const { rows } = await tx.query<{ readonly count: number; readonly bytes: number }>(sql`
    select count(*) as count, coalesce(sum(c.size), 0)::bigint as bytes
    from context c
    where c.tenant_id = ${tenantId} and c.deleted_at is null and c.state <> 'expired'`);
  const { count = 0, bytes = 0 } = rows[0] ?? {};
  if (count < maxContexts && bytes + size <= maxContextsBytes) return;
  const message =
    count < maxContexts
      ? `${bytes} bytes of contexts and ${size} more exceed the limit of ${maxContextsBytes}`
      : `there are ${count} contexts, the limit is ${maxContexts}`;
  throw new AppError("resource_exhausted", message, { reason: "quota" });
}
