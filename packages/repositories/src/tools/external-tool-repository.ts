import { createHash } from "node:crypto";
import { canonicalJson, type ExternalTool, type TenantId, type ToolServerId } from "@devmesh/models";
import type { Database, Queryable, QueryResult } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";

/** Names a tool of a server. */
export interface ToolRef {
  readonly serverId: ToolServerId;
  readonly name: string;
}

/** A tool with the one name under which it is called at the mesh. */
export interface CallableTool extends ExternalTool {
  readonly callName: string;
}

/** A tool with the server that it belongs to. */
export interface ServerTool extends CallableTool {
  readonly serverId: ToolServerId;
}

/** A tool in a list: its description is cut, and its schemas are left out. */
export interface ToolSummary extends ToolRef {
  readonly callName: string;
  readonly title?: string;
  readonly description?: string;
}

/** What the servers of a tenant said of their tools when they were last asked. */
export interface ExternalToolRepository {
  /**
   * Keeps what a server of this version has said, in the place of all that was known. False where nothing has changed, and
   * where the server is of another version by now.
   */
  record(
    tenantId: TenantId,
    server: { readonly id: ToolServerId; readonly version: number },
    tools: readonly CallableTool[],
  ): Promise<boolean>;
  find(tenantId: TenantId, ref: ToolRef): Promise<ServerTool | undefined>;
  /** By the name under which it is called at the mesh. */
  findByCallName(tenantId: TenantId, serverId: ToolServerId, callName: string): Promise<ServerTool | undefined>;
  /** Of these servers, by server and name. */
  list(tenantId: TenantId, serverIds: readonly ToolServerId[], limit: number): Promise<readonly ServerTool[]>;
  /** The same, of each description the first 200 characters. */
  summaries(tenantId: TenantId, serverIds: readonly ToolServerId[], limit: number): Promise<readonly ToolSummary[]>;
  /** Tools of these servers that have words of the query, or words that begin so; the best first. */
  search(
    tenantId: TenantId,
    serverIds: readonly ToolServerId[],
    asked: { readonly query: string; readonly limit: number },
  ): Promise<readonly ServerTool[]>;
}

interface ToolRow {
  readonly serverId: ToolServerId;
  readonly name: string;
  readonly callName: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly shape: Pick<ExternalTool, "inputSchema" | "outputSchema" | "annotations">;
}

/** Of `t`, a row of external_tool. */
const columns: Sql = sql`t.server_id as "serverId", t.name, t.call_name as "callName", t.title, t.description,
  t.shape`;

/** The tools in Postgres; each call is a transaction of its own. */
export function externalToolRepository(database: Database): ExternalToolRepository {
  const query = <Row>(tenantId: TenantId, statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement);
  return {
    record: (tenantId, server, tools) =>
      database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, (tx) =>
        record(tx, { tenantId, ...server }, tools),
      ),
    find: async (tenantId, { serverId, name }) => {
      const { rows } = await query<ToolRow>(
        tenantId,
        sql`
          select ${columns}
          from external_tool t
          where t.server_id = ${serverId} and t.name = ${name} and t.tenant_id = ${tenantId}`,
      );
      return rows.map(toTool)[0];
    },
    findByCallName: async (tenantId, serverId, callName) => {
      const { rows } = await query<ToolRow>(
        tenantId,
        sql`
          select ${columns}
          from external_tool t
          where t.server_id = ${serverId} and t.call_name = ${callName} and t.tenant_id = ${tenantId}`,
      );
      return rows.map(toTool)[0];
    },
    list: async (tenantId, serverIds, limit) => {
      const { rows } = await query<ToolRow>(
        tenantId,
        sql`
          select ${columns}
          from external_tool t
          where t.server_id = any (${serverIds}::uuid[]) and t.tenant_id = ${tenantId}
          order by t.server_id, t.name
          limit ${limit}`,
      );
      return rows.map(toTool);
    },
    summaries: async (tenantId, serverIds, limit) => {
      const { rows } = await query<Omit<ToolRow, "shape">>(
        tenantId,
        sql`
          select t.server_id as "serverId", t.name, t.call_name as "callName", t.title, left(t.description, 200) as description
          from external_tool t
          where t.server_id = any (${serverIds}::uuid[]) and t.tenant_id = ${tenantId}
          order by t.server_id, t.name
          limit ${limit}`,
      );
      return rows.map(({ serverId, name, callName, ...said }) => ({ serverId, name, callName, ...textsOf(said) }));
    },
    search: async (tenantId, serverIds, { query: text, limit }) => {
      const words = [...new Set(wordsOf(text).match(/[\p{L}\p{N}]+/gu) ?? [])].slice(0, 20);
      if (words.length === 0) return [];
      const asked = words.map((word) => `${word}:*`).join(" | ");
      const { rows } = await query<ToolRow>(
        tenantId,
        sql`
          select ${columns}
          from external_tool t, to_tsquery('english', ${asked}) as asked
          where t.server_id = any (${serverIds}::uuid[]) and t.tenant_id = ${tenantId} and t.words @@ asked
          order by ts_rank(t.words, asked) desc, t.name, t.server_id
          limit ${limit}`,
      );
      return rows.map(toTool);
    },
  };
}

/** The server's row is written first: of two that have asked it at once, the second waits, and finds nothing changed. */
async function record(
  tx: Queryable,
  { tenantId, id, version }: { readonly tenantId: TenantId; readonly id: ToolServerId; readonly version: number },
  tools: readonly CallableTool[],
): Promise<boolean> {
  const hash = createHash("sha256").update(canonicalJson(tools)).digest("hex");
  const { rows } = await tx.query<{ isChanged: boolean }>(sql`
    with seen as (
      select id, tools_hash is distinct from ${hash} as is_changed
      from tool_server
      where id = ${id} and tenant_id = ${tenantId} and version = ${version}
      for update
    )
    update tool_server s
    set tools_hash = ${hash}, tool_count = ${tools.length}, tools_seen_at = now()
    from seen
    where s.id = seen.id
    returning seen.is_changed as "isChanged"`);
  if (rows[0]?.isChanged !== true) return false;
  await tx.query(sql`delete from external_tool where server_id = ${id} and tenant_id = ${tenantId}`);
  await insertTools(tx, tenantId, id, tools);
  return true;
}

async function insertTools(
  tx: Queryable,
  tenantId: TenantId,
  id: ToolServerId,
  tools: readonly CallableTool[],
): Promise<void> {
  if (tools.length === 0) return;
  const column = (value: (tool: CallableTool) => string | undefined) => ["text", tools.map(value)] as const;
  const shapes = tools.map(({ inputSchema, outputSchema, annotations }) =>
    JSON.stringify({ inputSchema, outputSchema, annotations }),
  );
  await tx.query(sql`
    insert into external_tool (tenant_id, server_id, name, call_name, title, description, shape, words)
    select ${tenantId}::uuid, ${id}::uuid, name, call_name, title, description, shape,
      setweight(to_tsvector('english', words), 'A') || setweight(to_tsvector('english', coalesce(title, '')), 'B')
        || setweight(to_tsvector('english', coalesce(description, '')), 'C')
    from ${unnest(
      column(({ name }) => name),
      column(({ callName }) => callName),
      column(({ title }) => title),
      column(({ description }) => description),
      ["json", shapes],
      column(({ name }) => wordsOf(name)),
    )} as told (name, call_name, title, description, shape, words)`);
}

/** The words of a name: `readFile_now` is three. */
function wordsOf(text: string): string {
  return text.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").replaceAll(/[_.-]+/g, " ");
}

function toTool({ serverId, name, callName, title, description, shape }: ToolRow): ServerTool {
  return { serverId, name, callName, ...textsOf({ title, description }), ...shape };
}

function textsOf({ title, description }: Pick<ToolRow, "title" | "description">) {
  return { ...(title !== null && { title }), ...(description !== null && { description }) };
}
