import { AppError, type NamedSecret, type TenantId, type ToolServer, type ToolServerId } from "@devmesh/models";
import type { Queryable, Transaction } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type ServerRow, serverColumns, type ToolServerStanding, toServer } from "./tool-server-columns.ts";

/** What is written of a server: its secrets apart. */
export type ServerWrite = Omit<ToolServer, "id" | "version" | "createdAt" | "updatedAt">;

/** A server as it is asked for. */
export interface ServerAsked {
  readonly id: ToolServerId;
  readonly server: ServerWrite;
  readonly secrets: readonly NamedSecret[];
  /** How many the tenant may have. */
  readonly max: number;
  readonly key?: RequestKey | undefined;
}

/** A server as it is to be from now on. */
export interface ServerChange {
  /** The version that was read. */
  readonly version: number;
  readonly server: ServerWrite;
  /** New ones; of those that are there, these names stay. */
  readonly secrets: readonly NamedSecret[];
  readonly kept: readonly string[];
}

/** The tenant's row is locked, so that the number is still right when the server is written. */
export async function createServer(
  tx: Transaction,
  tenantId: TenantId,
  { id, server, secrets, max, key }: ServerAsked,
): Promise<Made<ToolServerStanding>> {
  const times = { createdAt: tx.now.toISOString(), updatedAt: tx.now.toISOString() };
  const made: ToolServerStanding = { ...server, id, version: 1, toolCount: 0, check: undefined, ...times };
  const first = key && (await claimFirst(tx, { tenantId, operation: "tools.register", ...key }, made));
  if (first !== undefined) return { made: first, isReplay: true };
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { name, title, transport, timeoutMs, maxConcurrency, scopes, enabled } = server;
  const { rows } = await tx.query<{ count: number; made: ToolServerId | null }>(sql`
    with standing as (
      select count(*)::int as count from tool_server where tenant_id = ${tenantId}
    ), made as (
      insert into tool_server (tenant_id, id, name, title, transport, timeout_ms, max_concurrency, scopes, enabled)
      select ${tenantId}::uuid, ${id}::uuid, ${name}, ${title}, ${JSON.stringify(transport)}::json, ${timeoutMs}::int,
        ${maxConcurrency}::int, ${scopes}::text[], ${enabled}::boolean
      from standing where count < ${max}::int
      on conflict (tenant_id, name) do nothing
      returning id
    )
    select standing.count, made.id as made from standing left join made on true`);
  const [row] = rows;
  if (row?.made === id) {
    await insertSecrets(tx, { tenantId, id }, secrets);
    return { made, isReplay: false };
  }
  if ((row?.count ?? 0) >= max) {
    throw new AppError("failed_precondition", `the tenant has ${max} tool servers already, the most it may`);
  }
  throw new AppError("conflict", `there is a tool server ${JSON.stringify(name)} already`, { reason: "name_taken" });
}

/** In a transaction: the guarded write of the server, and then its secrets. Its next look is due at once. */
export async function updateServer(
  tx: Queryable,
  ref: { readonly tenantId: TenantId; readonly id: ToolServerId },
  { version, server, secrets, kept }: ServerChange,
): Promise<ToolServerStanding | undefined> {
  const { title, transport, timeoutMs, maxConcurrency, scopes, enabled } = server;
  const { rows } = await tx.query<ServerRow>(sql`
    update tool_server s
    set title = ${title}, transport = ${JSON.stringify(transport)}::json, timeout_ms = ${timeoutMs},
      max_concurrency = ${maxConcurrency}, scopes = ${scopes}, enabled = ${enabled}, version = s.version + 1,
      check_state = null, check_error = null, checked_at = null, check_due_at = now(), updated_at = now()
    where s.id = ${ref.id} and s.tenant_id = ${ref.tenantId} and s.version = ${version}
    returning ${serverColumns}`);
  const [row] = rows;
  if (row === undefined) return undefined;
  await tx.query(sql`
    delete from tool_secret
    where server_id = ${ref.id} and tenant_id = ${ref.tenantId} and name <> all (${kept}::text[])`);
  await insertSecrets(tx, ref, secrets);
  return toServer(row);
}

async function insertSecrets(
  tx: Queryable,
  { tenantId, id }: { readonly tenantId: TenantId; readonly id: ToolServerId },
  secrets: readonly NamedSecret[],
): Promise<void> {
  if (secrets.length === 0) return;
  const column = (value: (secret: NamedSecret) => string) => ["text", secrets.map(value)] as const;
  await tx.query(sql`
    insert into tool_secret (tenant_id, server_id, name, key_id, nonce, ciphertext, tag)
    select ${tenantId}::uuid, ${id}::uuid, name, key_id, decode(nonce, 'base64'), decode(ciphertext, 'base64'),
      decode(tag, 'base64')
    from ${unnest(
      column(({ name }) => name),
      column(({ keyId }) => keyId),
      column(({ nonce }) => nonce),
      column(({ ciphertext }) => ciphertext),
      column(({ tag }) => tag),
    )} as sealed (name, key_id, nonce, ciphertext, tag)`);
}
