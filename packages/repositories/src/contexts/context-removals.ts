import type { ContextId, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** A context whose object, and what was made of it, is to be removed. */
export interface RemovedContext {
  readonly tenantId: TenantId;
  readonly id: ContextId;
  readonly size: number;
  /** Summary and embedding were begun, whether that came to an end or not. */
  readonly wasClaimed: boolean;
}

/** What the sweep of contexts needs, over all tenants. */
export interface ContextRemovals {
  /**
   * Takes what is to be removed, so that nobody else does for `forMs`: contexts that expired, that nobody completed, or
   * that were deleted, unless something is being made of them this moment. From now on all of them are `expired`.
   */
  claim(limit: number, forMs: number): Promise<readonly RemovedContext[]>;
  /**
   * Their objects and documents are gone. While an upload may still be under way they come again at its end; deleted ones
   * leave no row then, expired ones leave it 30 days later.
   */
  settle(ids: readonly ContextId[]): Promise<void>;
}

/** It is over, and in nobody's hands. */
export const contextIsToRemove = sql`sweep_at <= now() and (digest_at is null or digest_at <= now())`;

/** Over a database. */
export function contextRemovals(database: Database): ContextRemovals {
  const engine = { role: "devmesh_engine", plans: "by_index" } as const;
  return {
    claim: async (limit, forMs) => {
      const { rows } = await database.queryAs<RemovedContext>(
        engine,
        sql`
          with due as materialized (
            select id
            from context
            where ${contextIsToRemove}
            order by sweep_at
            limit ${limit}
            for update skip locked
          )
          update context c
          set state = 'expired', sweep_at = now() + ${forMs}::int * interval '1 millisecond', digest_at = null, summary = null
          from due
          where c.id = due.id
          returning c.tenant_id as "tenantId", c.id, c.size, c.digest_tries > 0 as "wasClaimed"`,
      );
      return rows;
    },
    settle: async (ids) => {
      await database.queryAs(
        engine,
        sql`
          with gone as (
            delete from context c
            where c.id = any (${ids}::uuid[]) and c.upload_until <= now()
              and (c.deleted_at is not null or c.removed_at <= now() - interval '30 days')
            returning c.id
          )
          update context c
          set removed_at = coalesce(c.removed_at, now()),
            sweep_at = case when c.upload_until > now() then c.upload_until else now() + interval '30 days' end
          where c.id = any (${ids}::uuid[]) and c.id not in (select id from gone)`,
      );
    },
  };
}
