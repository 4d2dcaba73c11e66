import type { IdempotencyClaim, IdempotencyRecord } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";

/**
 * Claims keys; answers which, by index, are new. Waits for another transaction that is claiming one of them; keys are
 * claimed in their own order, so that two such waits never cross. Of equal claims in one call the first is new. A key
 * older than 24 h counts as unused.
 */
export async function claimKeys(tx: Queryable, claims: readonly IdempotencyClaim[]): Promise<ReadonlySet<number>> {
  const { rows } = await tx.query<ClaimedKey>(sql`
    insert into idempotency_key as k (tenant_id, principal_id, operation, key, body_hash, response)
    select distinct on (tenant_id, principal_id, operation, key)
      tenant_id, principal_id, operation, key, decode(body_hash, 'hex'), response
    from ${claimRows(claims)} as c (tenant_id, principal_id, operation, key, body_hash, response, number)
    order by tenant_id, principal_id, operation, key, number
    on conflict (tenant_id, principal_id, operation, key) do update
    set body_hash = excluded.body_hash, response = excluded.response, created_at = now()
    where k.created_at < now() - interval '24 hours'
    returning tenant_id as "tenantId", principal_id as "principalId", operation, key`);
  const claimed = new Set(rows.map(nameOf));
  // deleting says whether it was there: of equal claims the first is the one that was written
  return new Set(claims.flatMap((claim, index) => (claimed.delete(nameOf(claim)) ? [index] : [])));
}

/** What was recorded with the first use of keys, no more than 24 h ago. */
export async function findKeys(
  tx: Queryable,
  claims: readonly IdempotencyClaim[],
): Promise<readonly IdempotencyRecord[]> {
  const { rows } = await tx.query<IdempotencyRecord>(sql`
    select k.tenant_id as "tenantId", k.principal_id as "principalId", k.operation, k.key,
      encode(k.body_hash, 'hex') as "bodyHash", k.response
    from ${unnest(
      ["uuid", claims.map(({ tenantId }) => tenantId)],
      ["uuid", claims.map(({ principalId }) => principalId)],
      ["text", claims.map(({ operation }) => operation)],
      ["text", claims.map(({ key }) => key)],
    )} as c (tenant_id, principal_id, operation, key)
    join idempotency_key k using (tenant_id, principal_id, operation, key)
    where k.created_at >= now() - interval '24 hours'`);
  return rows;
}

type ClaimedKey = Pick<IdempotencyClaim, "tenantId" | "principalId" | "operation" | "key">;

function nameOf({ tenantId, principalId, operation, key }: ClaimedKey): string {
  return JSON.stringify([tenantId, principalId, operation, key]);
}

function claimRows(claims: readonly IdempotencyClaim[]): Sql {
  return unnest(
    ["uuid", claims.map(({ tenantId }) => tenantId)],
    ["uuid", claims.map(({ principalId }) => principalId)],
    ["text", claims.map(({ operation }) => operation)],
    ["text", claims.map(({ key }) => key)],
    ["text", claims.map(({ bodyHash }) => bodyHash)],
    ["json", claims.map(({ response }) => response)],
    ["int", claims.map((_, index) => index)],
  );
}
