import type { TenantId, ToolCheck, ToolServerId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { type ServerRow, serverColumns, type ToolServerStanding, toServer } from "./tool-server-columns.ts";

/** A server that is to be looked at, and whose it is. */
export interface DueServer {
  readonly tenantId: TenantId;
  readonly server: ToolServerStanding;
}

/** Looks at servers, for whoever takes them on. */
export interface ToolChecks {
  /**
   * Enabled servers whose time has come, the longest waiting first, of all tenants but some. Each is put off, so that nobody
   * else takes it.
   */
  claim(asked: {
    readonly limit: number;
    readonly againInMs: number;
    readonly except?: readonly TenantId[];
  }): Promise<readonly DueServer[]>;
  /** Keeps how a look at a server of this version went. False where it is of another by now. */
  record(
    tenantId: TenantId,
    server: { readonly id: ToolServerId; readonly version: number },
    check: ToolCheck,
  ): Promise<boolean>;
}

/** The looks in Postgres; each call is a transaction of its own. */
export function toolChecks(database: Database): ToolChecks {
  return {
    claim: async ({ limit, againInMs, except = [] }) => {
      // what nodes ask when there is nothing: one statement and no transaction round it, so that an idle mesh is quiet
      const due = await database.query<{ isAny: boolean }>(sql`
        select exists (select from tool_server where enabled and check_due_at <= now()) as "isAny"`);
      if (due.rows[0]?.isAny !== true) return [];
      const { rows } = await database.queryAs<ServerRow & { readonly tenantId: TenantId }>(
        { role: "devmesh_engine", plans: "by_index" },
        sql`
          with due as (
            select id from tool_server
            where enabled and check_due_at <= now() and tenant_id <> all (${except}::uuid[])
            order by check_due_at
            limit ${limit}
            for update skip locked
          )
          update tool_server s
          set check_due_at = now() + make_interval(secs => ${againInMs / 1_000}::double precision)
          from due
          where s.id = due.id
          returning ${serverColumns}, s.tenant_id as "tenantId"`,
      );
      return rows.map((row) => ({ tenantId: row.tenantId, server: toServer(row) }));
    },
    record: async (tenantId, { id, version }, { state, latencyMs, error }) => {
      const { rowCount } = await database.queryAs(
        { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
        sql`
          update tool_server
          set check_state = ${state}, check_latency_ms = ${Math.round(latencyMs)},
            check_error = ${error && JSON.stringify(error)}::json, checked_at = now()
          where id = ${id} and tenant_id = ${tenantId} and version = ${version}`,
      );
      return rowCount > 0;
    },
  };
}
