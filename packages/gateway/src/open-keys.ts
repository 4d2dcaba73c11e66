import { decryptKey } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import {
  type ConfiguredKey,
  createSecretBox,
  type SecretBox,
  type SecretKey,
  type ToolsConfig,
} from "@devmesh/runtime";

/** What AES-256 takes. */
const keyBytes = 32;

/**
 * The box of the configured keys: KMS decrypts those that are wrapped.
 *
 * @throws AppError `unavailable`, reason `kms`; `invalid_argument` where what it gives is no key.
 */
export async function openSecretBox({ secretKeys, kms }: Pick<ToolsConfig, "secretKeys" | "kms">): Promise<SecretBox> {
  return createSecretBox(await Promise.all(secretKeys().map((key) => openKey(key, kms))));
}

async function openKey({ id, bytes, isWrapped }: ConfiguredKey, kms: ToolsConfig["kms"]): Promise<SecretKey> {
  if (!isWrapped) return { id, key: bytes };
  const key = await decryptKey(bytes, kms);
  if (key.length === keyBytes) return { id, key };
  const message = `DEVMESH_TOOL_SECRETS_KEY: KMS gives ${key.length} bytes for the key ${JSON.stringify(id)}, not ${keyBytes}`;
  throw new AppError("invalid_argument", message, { reason: "environment" });
}
