import {
  AppError,
  type ConcurrencyLimit,
  type LaneId,
  type LimitId,
  type LimitKind,
  type NewLimit,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Queryable, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";

/** A limit as it is asked for. */
export interface LimitAsked {
  readonly id: LimitId;
  readonly limit: NewLimit;
  /** How many the tenant may have. */
  readonly max: number;
  readonly key?: RequestKey | undefined;
}

/** A tenant's limits on concurrency. Those of another tenant, and unknown ones, are absent from every answer. */
export interface LimitRepository {
  /**
   * Makes a limit, or answers the one that the same key made.
   *
   * @throws AppError `conflict` where there is one of the same kind and value, and, reason `idempotency_key_reused`, for a
   * key that came with another body; `failed_precondition` where there are `max` already.
   */
  create(tenantId: TenantId, asked: LimitAsked): Promise<Made<ConcurrencyLimit>>;
  update(tenantId: TenantId, id: LimitId, maxInFlight: number): Promise<ConcurrencyLimit | undefined>;
  /** Also tells lanes, at most 10,000, whose tasks it held back: the sweep finds the others. */
  delete(
    tenantId: TenantId,
    id: LimitId,
  ): Promise<{ readonly limit: ConcurrencyLimit; readonly laneIds: readonly LaneId[] } | undefined>;
  find(tenantId: TenantId, id: LimitId): Promise<ConcurrencyLimit | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, page: PageAsked): Promise<readonly ConcurrencyLimit[]>;
}

interface LimitRow {
  readonly id: LimitId;
  readonly kind: LimitKind;
  readonly value: string;
  readonly maxInFlight: number;
  readonly inFlight: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns: Sql = sql`id, kind, value, max_in_flight as "maxInFlight", in_flight as "inFlight",
  created_at as "createdAt", updated_at as "updatedAt"`;

/** The limits in Postgres; each call is a transaction of its own. */
export function limitRepository(database: Database): LimitRepository {
  const run = <T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  const select = (tenantId: TenantId, statement: Sql): Promise<readonly ConcurrencyLimit[]> =>
    run(tenantId, async (tx) => (await tx.query<LimitRow>(statement)).rows.map(toLimit));
  return {
    create: (tenantId, asked) => run(tenantId, (tx) => createLimit(tx, tenantId, asked)),
    update: async (tenantId, id, maxInFlight) =>
      (
        await select(
          tenantId,
          sql`
      update concurrency_limit set max_in_flight = ${maxInFlight}, updated_at = now()
      where tenant_id = ${tenantId} and id = ${id}
      returning ${columns}`,
        )
      )[0],
    delete: (tenantId, id) => run(tenantId, (tx) => deleteLimit(tx, tenantId, id)),
    find: async (tenantId, id) =>
      (
        await select(
          tenantId,
          sql`
      select ${columns} from concurrency_limit where tenant_id = ${tenantId} and id = ${id}`,
        )
      )[0],
    list: (tenantId, { limit, after }) =>
      select(
        tenantId,
        sql`
      select ${columns} from concurrency_limit
      where tenant_id = ${tenantId}
        ${after === undefined ? sql`` : sql`and (created_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
      order by created_at desc, id desc
      limit ${limit}`,
      ),
  };
}

/** The tenant's row is locked, so that the number is still right when the limit is written. */
async function createLimit(
  tx: Transaction,
  tenantId: TenantId,
  { id, limit: asked, max, key }: LimitAsked,
): Promise<Made<ConcurrencyLimit>> {
  const value = asked.kind === "tenant" ? "" : asked.value;
  const { kind, maxInFlight } = asked;
  const limit = toLimit({ id, kind, value, maxInFlight, inFlight: 0, createdAt: tx.now, updatedAt: tx.now });
  const first = key && (await claimFirst(tx, { tenantId, operation: "limits.create", ...key }, limit));
  if (first !== undefined) return { made: first, isReplay: true };
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { rows } = await tx.query<{ count: number; made: LimitId | null }>(sql`
    with standing as (
      select count(*)::int as count from concurrency_limit where tenant_id = ${tenantId}
    ), made as (
      insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight)
      select ${tenantId}::uuid, ${id}::uuid, ${kind}, ${value}, ${maxInFlight}::int
      from standing where count < ${max}::int
      on conflict (tenant_id, kind, value) do nothing
      returning id
    )
    select standing.count, made.id as made from standing left join made on true`);
  const [row] = rows;
  if (row?.made === id) return { made: limit, isReplay: false };
  if ((row?.count ?? 0) >= max) {
    throw new AppError("failed_precondition", `the tenant has ${max} limits already, the most it may`);
  }
  const named = kind === "tenant" ? "" : ` ${JSON.stringify(value)}`;
  throw new AppError("conflict", `there is a limit of the ${kind}${named} already`);
}

/** A limit that is gone counts nothing more; its lanes stay as they are. */
async function deleteLimit(
  tx: Queryable,
  tenantId: TenantId,
  id: LimitId,
): Promise<{ limit: ConcurrencyLimit; laneIds: readonly LaneId[] } | undefined> {
  const [{ rows }, lanes] = await Promise.all([
    tx.query<LimitRow>(sql`
      delete from concurrency_limit where tenant_id = ${tenantId} and id = ${id} returning ${columns}`),
    tx.query<{ laneId: LaneId }>(sql`
      delete from lane_limit where (lane_id, limit_id) in (
        select lane_id, limit_id from lane_limit where tenant_id = ${tenantId} and limit_id = ${id} limit 10000
      ) returning lane_id as "laneId"`),
  ]);
  const [row] = rows;
  return row === undefined ? undefined : { limit: toLimit(row), laneIds: lanes.rows.map(({ laneId }) => laneId) };
}

function toLimit({ id, kind, value, maxInFlight, inFlight, createdAt, updatedAt }: LimitRow): ConcurrencyLimit {
  return {
    id,
    kind,
    ...(kind !== "tenant" && { value }),
    maxInFlight,
    inFlight,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
