import type { NamedSecret, TenantId, ToolServerId } from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import type { Made } from "../ledger/claim-first.ts";
import { type ServerRow, serverColumns, type ToolServerStanding, toServer } from "./tool-server-columns.ts";
import { createServer, type ServerAsked, type ServerChange, updateServer } from "./tool-server-writes.ts";

/** External servers of a tenant. Those of another tenant, and unknown ones, are absent from every answer. */
export interface ToolServerRepository {
  /**
   * Registers a server, or answers the one that the same key registered.
   *
   * @throws AppError `conflict` for a name that is taken, and, reason `idempotency_key_reused`, for a key that came with
   * another body; `failed_precondition` where there are `max` already.
   */
  create(tenantId: TenantId, asked: ServerAsked): Promise<Made<ToolServerStanding>>;
  /** Changes a server whose version is still the one that was read; undefined where it is not, or is gone. */
  update(tenantId: TenantId, id: ToolServerId, change: ServerChange): Promise<ToolServerStanding | undefined>;
  /** With its secrets and its tools. The record of its calls stays. */
  delete(tenantId: TenantId, id: ToolServerId): Promise<ToolServerStanding | undefined>;
  find(tenantId: TenantId, id: ToolServerId): Promise<ToolServerStanding | undefined>;
  findByName(tenantId: TenantId, name: string): Promise<ToolServerStanding | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, page: PageAsked): Promise<readonly ToolServerStanding[]>;
  /** Those that are called, by name. */
  listEnabled(tenantId: TenantId): Promise<readonly ToolServerStanding[]>;
  /** As they are stored: who has the key opens them. */
  secrets(tenantId: TenantId, id: ToolServerId): Promise<readonly NamedSecret[]>;
}

/** More than a tenant may have. */
const maxEnabled = 1_000;

/** The servers in Postgres; each call is a transaction of its own. */
export function toolServerRepository(database: Database): ToolServerRepository {
  const query = <Row>(tenantId: TenantId, statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement);
  const select = async (tenantId: TenantId, statement: Sql): Promise<readonly ToolServerStanding[]> =>
    (await query<ServerRow>(tenantId, statement)).rows.map(toServer);
  return {
    create: (tenantId, asked) =>
      database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) => createServer(tx, tenantId, asked)),
    update: (tenantId, id, change) =>
      database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, (tx) =>
        updateServer(tx, { tenantId, id }, change),
      ),
    delete: async (tenantId, id) =>
      (
        await select(
          tenantId,
          sql`delete from tool_server s where s.id = ${id} and s.tenant_id = ${tenantId} returning ${serverColumns}`,
        )
      )[0],
    find: async (tenantId, id) =>
      (
        await select(
          tenantId,
          sql`select ${serverColumns} from tool_server s where s.id = ${id} and s.tenant_id = ${tenantId}`,
        )
      )[0],
    findByName: async (tenantId, name) =>
      (
        await select(
          tenantId,
          sql`select ${serverColumns} from tool_server s where s.tenant_id = ${tenantId} and s.name = ${name}`,
        )
      )[0],
    list: (tenantId, { limit, after }) =>
      select(
        tenantId,
        sql`
          select ${serverColumns}
          from tool_server s
          where s.tenant_id = ${tenantId}
            ${after === undefined ? sql`` : sql`and (s.created_at, s.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
          order by s.created_at desc, s.id desc
          limit ${limit}`,
      ),
    listEnabled: (tenantId) =>
      select(
        tenantId,
        sql`
          select ${serverColumns}
          from tool_server s
          where s.tenant_id = ${tenantId} and s.enabled
          order by s.name
          limit ${maxEnabled}`,
      ),
    secrets: async (tenantId, id) => {
      const { rows } = await query<NamedSecret>(
        tenantId,
        sql`
          select name, key_id as "keyId", encode(nonce, 'base64') as nonce, encode(ciphertext, 'base64') as ciphertext,
            encode(tag, 'base64') as tag
          from tool_secret
          where server_id = ${id} and tenant_id = ${tenantId}`,
      );
      return rows;
    },
  };
}
