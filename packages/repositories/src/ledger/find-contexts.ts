import type { ContextId, ContextStanding, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

/** Names a context. */
export interface ContextRef {
  readonly tenantId: TenantId;
  readonly contextId: ContextId;
}

/** What contexts are now. Unknown, foreign and deleted ones are left out; nothing is locked. */
export async function findContexts(
  tx: Queryable,
  refs: readonly ContextRef[],
): Promise<readonly (ContextRef & { readonly standing: ContextStanding })[]> {
  const { rows } = await tx.query<ContextRef & { readonly standing: ContextStanding }>(sql`
    select c.tenant_id as "tenantId", c.id as "contextId",
      context_standing(c.state, c.upload_until, c.expires_at) as standing
    from ${unnest(
      ["uuid", refs.map(({ tenantId }) => tenantId)],
      ["uuid", refs.map(({ contextId }) => contextId)],
    )} as asked (tenant_id, id)
    join context c on c.id = asked.id and c.tenant_id = asked.tenant_id and c.deleted_at is null`);
  return rows;
}
