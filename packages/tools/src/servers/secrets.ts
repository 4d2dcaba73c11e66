import type { NamedSecret, TenantId, ToolSecrets, ToolServer, ToolServerId } from "@devmesh/models";
import type { SecretBox, ServerStore } from "./server-store.ts";

/** Whose secret it is. */
export interface SecretOwner {
  readonly tenantId: TenantId;
  readonly id: ToolServerId;
}

/** Seals each for its owner and its name: none can be read in another's place. */
export function sealSecrets(box: SecretBox, owner: SecretOwner, secrets: ToolSecrets): readonly NamedSecret[] {
  return [...secrets].map(([name, text]) => ({ name, ...box.seal(text, placeOf(owner, name)) }));
}

/**
 * The secrets of a server in the clear, by the names of its variables or headers.
 *
 * @throws AppError `failed_precondition`, reason `no_secrets_key`, where the key that sealed one is not here.
 */
export async function openSecrets(
  deps: { readonly servers: Pick<ServerStore<ToolServer, unknown>, "secrets">; readonly box: SecretBox },
  owner: SecretOwner,
): Promise<ToolSecrets> {
  const sealed = await deps.servers.secrets(owner.tenantId, owner.id);
  return new Map(sealed.map((secret) => [secret.name, deps.box.open(secret, placeOf(owner, secret.name))]));
}

/** What a secret is sealed along with. */
export function placeOf({ tenantId, id }: SecretOwner, name: string): string {
  return `${tenantId}\n${id}\n${name}`;
}
