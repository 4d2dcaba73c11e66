import { createHash } from "node:crypto";
import {
  canonicalJson,
  type LaneId,
  type LimitId,
  type NewId,
  type Requirements,
  type TenantId,
} from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";

/** The requirements of a lane, in a tenant, and the limits that its tasks are subject to, in the order of their ids. */
export interface LaneAsked {
  readonly tenantId: TenantId;
  readonly requirements: Requirements;
  readonly limitIds?: readonly LimitId[];
}

/**
 * Finds lanes by their requirements, in the order asked, and makes those that are missing. New ones are matched with
 * every agent of the tenant under the lock of the tenant's row, which a change of an agent takes too: no pair is missed.
 * One statement where all are there, three more where not.
 */
export async function ensureLanes(
  tx: Queryable,
  asked: readonly LaneAsked[],
  newId: NewId,
): Promise<readonly LaneId[]> {
  const keyed = asked
    .map(({ limitIds = [], ...lane }) => ({ ...lane, limitIds, text: canonicalJson(lane.requirements) }))
    .map((lane) => ({ ...lane, key: hash([lane.text, ...lane.limitIds].join(" ")) }));
  const known = await findLanes(tx, keyed);
  const missing = keyed.filter((lane) => !known.has(keyOf(lane)));
  if (missing.length > 0) {
    await createLanes(tx, missing, newId);
    for (const [key, laneId] of await findLanes(tx, missing)) known.set(key, laneId);
  }
  return keyed.map((lane) => {
    const laneId = known.get(keyOf(lane));
    if (laneId === undefined) throw new Error("a lane that was just made is not there");
    return laneId;
  });
}

interface KeyedLane extends Required<LaneAsked> {
  /** Canonical JSON of the requirements. */
  readonly text: string;
  /** SHA-256 of it, and of the ids of the limits, in hex. */
  readonly key: string;
}

/** Also notes the use, once in an hour: a lane that nobody used for a day is removed. */
async function findLanes(tx: Queryable, lanes: readonly KeyedLane[]): Promise<Map<string, LaneId>> {
  const { rows } = await tx.query<{ tenantId: TenantId; key: string; id: LaneId }>(sql`
    with found as (
      select l.tenant_id, l.id, asked.key, l.last_used_at
      from ${laneKeys(lanes)} as asked (tenant_id, key)
      join lane l on l.tenant_id = asked.tenant_id and l.key = decode(asked.key, 'hex')
    ), used as (
      update lane l set last_used_at = now()
      from found
      where l.tenant_id = found.tenant_id and l.id = found.id and found.last_used_at < now() - interval '1 hour'
    )
    select distinct tenant_id as "tenantId", key, id from found`);
  return new Map(rows.map((row) => [keyOf(row), row.id]));
}

async function createLanes(tx: Queryable, lanes: readonly KeyedLane[], newId: NewId): Promise<void> {
  const tenants = [...new Set(lanes.map(({ tenantId }) => tenantId))];
  await tx.query(sql`
    select id from tenant where id = any (${tenants}::uuid[]) order by id for no key update`);
  // a statement of its own, so that it sees the agents that the lock made it wait for
  await tx.query(sql`
    with made as (
      insert into lane (tenant_id, id, key, requirements)
      select distinct on (tenant_id, key) tenant_id, id, decode(key, 'hex'), requirements
      from ${unnest(
        ["uuid", lanes.map(({ tenantId }) => tenantId)],
        ["uuid", lanes.map(() => newId())],
        ["text", lanes.map(({ key }) => key)],
        ["jsonb", lanes.map(({ text }) => text)],
      )} as asked (tenant_id, id, key, requirements)
      on conflict (tenant_id, key) do nothing
      returning tenant_id, id, key, requirements
    ), limited as (
      insert into lane_limit (tenant_id, lane_id, limit_id)
      select distinct made.tenant_id, made.id, of_limit.limit_id
      from made
      join ${limitRows(lanes)} as of_limit (tenant_id, key, limit_id)
        on of_limit.tenant_id = made.tenant_id and decode(of_limit.key, 'hex') = made.key
    )
    insert into lane_agent (tenant_id, lane_id, agent_id, misfit, level_gap, cost_micro_usd)
    select made.tenant_id, made.id, a.id, misfit(made.requirements, a.id, a.name, a.capabilities),
      level_gap(made.requirements, a.capabilities), fit_cost(made.requirements, a.capabilities)
    from made
    join agent a on a.tenant_id = made.tenant_id and a.deregistered_at is null`);
}

function limitRows(lanes: readonly KeyedLane[]): Sql {
  const rows = lanes.flatMap(({ tenantId, key, limitIds }) => limitIds.map((limitId) => ({ tenantId, key, limitId })));
  return unnest(
    ["uuid", rows.map(({ tenantId }) => tenantId)],
    ["text", rows.map(({ key }) => key)],
    ["uuid", rows.map(({ limitId }) => limitId)],
  );
}

function laneKeys(lanes: readonly KeyedLane[]): Sql {
  return unnest(["uuid", lanes.map(({ tenantId }) => tenantId)], ["text", lanes.map(({ key }) => key)]);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function keyOf({ tenantId, key }: { readonly tenantId: TenantId; readonly key: string }): string {
  return `${tenantId} ${key}`;
}
