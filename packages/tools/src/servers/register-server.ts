import {
  AppError,
  maxToolServers,
  type NewId,
  type NewToolServer,
  type TenantId,
  type ToolServer,
  type ToolServerId,
  type ToolServerTransport,
  type ToolServerUpdate,
} from "@devmesh/models";
import { sealSecrets } from "./secrets.ts";
import type { SecretBox, ServerStore, ServerTerms } from "./server-store.ts";
import { takeSecrets } from "./take-secrets.ts";

/** What registering stands on. */
export interface RegisterDeps<Server extends ToolServer, Key> {
  readonly servers: Pick<ServerStore<Server, Key>, "create" | "update" | "find">;
  readonly box: SecretBox;
  readonly newId: NewId;
  /** Refuses a way to a server that this process may not take. @throws AppError `failed_precondition` */
  readonly assertAllowed: (transport: ToolServerTransport) => void;
}

/**
 * Registers a server: of its secrets only the names are in what is answered and shown.
 *
 * @throws AppError as {@link ServerStore.create} and {@link RegisterDeps.assertAllowed}; `failed_precondition`, reason
 * `no_secrets_key`, for a secret without a key to seal it.
 */
export async function registerServer<Server extends ToolServer, Key>(
  { servers, box, newId, assertAllowed }: RegisterDeps<Server, Key>,
  tenantId: TenantId,
  { asked, key }: { readonly asked: NewToolServer; readonly key?: Key | undefined },
): Promise<{ readonly made: Server; readonly isReplay: boolean }> {
  const id = newId() as ToolServerId;
  const { transport, secrets } = takeSecrets(asked.transport);
  assertAllowed(transport);
  const { title, ...terms } = asked;
  const server: ServerTerms = { ...terms, ...(title !== undefined && { title }), transport };
  return servers.create(tenantId, {
    id,
    server,
    secrets: sealSecrets(box, { tenantId, id }, secrets),
    max: maxToolServers,
    key,
  });
}

/**
 * Changes a server; what is absent stays. One that is not allowed any more may still be changed and disabled, as long as
 * neither its transport is given nor it is to be enabled.
 *
 * @throws AppError `not_found`; `invalid_argument` for a secret that can't stay as it is; `conflict`, reason
 * `changed_meanwhile`, where another was quicker; `failed_precondition`, reason `no_secrets_key`, and as
 * {@link RegisterDeps.assertAllowed}.
 */
export async function changeServer<Server extends ToolServer>(
  { servers, box, assertAllowed }: Omit<RegisterDeps<Server, unknown>, "newId">,
  tenantId: TenantId,
  { id, update }: { readonly id: ToolServerId; readonly update: ToolServerUpdate },
): Promise<Server> {
  const before = await servers.find(tenantId, id);
  if (before === undefined) throw noServer(id);
  const taken = takeSecrets(update.transport ?? before.transport, before.transport);
  if (update.transport !== undefined || update.enabled === true) assertAllowed(taken.transport);
  const title = update.title === undefined ? before.title : (update.title ?? undefined);
  const server: ServerTerms = {
    name: before.name,
    ...(title !== undefined && { title }),
    transport: taken.transport,
    timeoutMs: update.timeoutMs ?? before.timeoutMs,
    maxConcurrency: update.maxConcurrency ?? before.maxConcurrency,
    scopes: update.scopes ?? before.scopes,
    enabled: update.enabled ?? before.enabled,
  };
  const secrets = sealSecrets(box, { tenantId, id }, taken.secrets);
  const change = { version: before.version, server, secrets, kept: taken.kept };
  const changed = await servers.update(tenantId, id, change);
  if (changed !== undefined) return changed;
  throw new AppError("conflict", `tool server ${id} was changed meanwhile`, { reason: "changed_meanwhile" });
}

/** For a server that the tenant does not have. */
export function noServer(id: string): AppError {
  return new AppError("not_found", `no tool server ${id}`);
}
