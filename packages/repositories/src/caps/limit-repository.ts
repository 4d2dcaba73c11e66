import type { ConcurrencyLimit, LaneId, LimitId, LimitKind, NewLimit, TenantId } from "@devmesh/models";
import type { PageAsked } from "../agent-repository.ts";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";

/** A tenant's limits on concurrency. Those of another tenant, and unknown ones, are absent from every answer. */
export interface LimitRepository {
  /** `taken` where there is one of the same kind and value, `too_many` where there are `max` already. */
  create(
    tenantId: TenantId,
    id: LimitId,
    limit: NewLimit,
    max: number,
  ): Promise<ConcurrencyLimit | "taken" | "too_many">;
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
  const run = <T>(tenantId: TenantId, work: (tx: Queryable) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  const select = (tenantId: TenantId, statement: Sql): Promise<readonly ConcurrencyLimit[]> =>
    run(tenantId, async (tx) => (await tx.query<LimitRow>(statement)).rows.map(toLimit));
  return {
    create: (tenantId, id, limit, max) => run(tenantId, (tx) => createLimit(tx, { tenantId, id, limit, max })),
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

/** Two statements: the tenant's row is locked, so that the number is still right when the limit is written. */
async function createLimit(
  tx: Queryable,
  { tenantId, id, limit, max }: { tenantId: TenantId; id: LimitId; limit: NewLimit; max: number },
): Promise<ConcurrencyLimit | "taken" | "too_many"> {
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const value = limit.kind === "tenant" ? "" : limit.value;
  const { rows } = await tx.query<LimitRow & { count: number }>(sql`
    with standing as (
      select count(*)::int as count from concurrency_limit where tenant_id = ${tenantId}
    ), made as (
      insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight)
      select ${tenantId}::uuid, ${id}::uuid, ${limit.kind}, ${value}, ${limit.maxInFlight}::int
      from standing where count < ${max}::int
      on conflict (tenant_id, kind, value) do nothing
      returning ${columns}
    )
    select standing.count, made.* from standing left join made on true`);
  const [row] = rows;
  if (row === undefined || row.id === null) return (row?.count ?? 0) >= max ? "too_many" : "taken";
  return toLimit(row);
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
