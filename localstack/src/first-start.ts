import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createApiKey, displayOf, hashApiKey, scopesOfRole } from "@devmesh/auth";
import { type ApiKeyId, AppError, type NewId, type TenantId } from "@devmesh/models";
import { type Database, keyRepository } from "@devmesh/repositories";
import { readJson, writePrivateJson } from "./private-file.ts";

/** What a mesh of one machine keeps for itself: the database has only the key's hash. */
export interface Secrets {
  readonly pepper: string;
  /** Of a person who may do everything in the tenant `default`. */
  readonly apiKey: string;
}

const pepperBytes = 32;
const tenantName = "default";

/** Gives the secrets kept in a folder, and makes them at the first start. */
export async function keepSecrets(home: string): Promise<Secrets> {
  const file = join(home, "secrets.json");
  const kept = await readJson(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  if (kept !== undefined) return parseSecrets(file, kept);
  const secrets: Secrets = {
    pepper: randomBytes(pepperBytes).toString("hex"),
    apiKey: createApiKey("pat", randomBytes),
  };
  await writePrivateJson(file, secrets);
  return secrets;
}

/** Makes the tenant and registers the key where they are missing: a start that was cut off is made good by the next. */
export async function prepareTenant(database: Database, secrets: Secrets, newId: NewId): Promise<void> {
  const keys = keyRepository(database);
  const existing = await keys.findTenantByName(tenantName);
  const tenant = existing ?? { id: newId() as TenantId, name: tenantName };
  if (existing === undefined) await keys.createTenant(tenant);
  const hash = hashApiKey(secrets.apiKey, secrets.pepper);
  if ((await keys.findByHash(hash)) !== undefined) return;
  await keys.create({
    tenantId: tenant.id,
    id: newId() as ApiKeyId,
    kind: "pat",
    name: "first key",
    hash,
    display: displayOf(secrets.apiKey),
    scopes: scopesOfRole("admin"),
  });
}

function parseSecrets(file: string, value: unknown): Secrets {
  const { pepper, apiKey } = (value ?? {}) as Partial<Record<keyof Secrets, unknown>>;
  if (typeof pepper !== "string" || typeof apiKey !== "string") throw unreadable(file, undefined);
  return { pepper, apiKey };
}

function unreadable(file: string, cause: unknown): AppError {
  return new AppError("failed_precondition", `${file} can't be read as {pepper, apiKey}`, { cause });
}
