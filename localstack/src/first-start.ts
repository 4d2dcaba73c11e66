import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  createApiKey,
  defaultScopesOf,
  displayOf,
  hashApiKey,
  parseApiKey,
  type Scope,
  scopesOfRole,
} from "@devmesh/auth";
import { type ApiKeyId, AppError, type NewId, type TenantId } from "@devmesh/models";
import { type Database, type KeyRepository, keyRepository } from "@devmesh/repositories";
import { readJson, writePrivateJson } from "./private-file.ts";

/** What a mesh of one machine keeps for itself: the database has only the key's hash. */
export interface Secrets {
  readonly pepper: string;
  /** Of a person who may do everything in the tenant `default`. */
  readonly apiKey: string;
  /** Of the demo agents, which may do what agents may. */
  readonly agentKey: string;
  /** Seals secrets of external tool servers: 32 bytes in base64. */
  readonly toolsKey: string;
}

const toolsKeyBytes = 32;
const pepperBytes = 32;
const tenantName = "default";

/** Gives the secrets kept in a folder, and makes them at the first start. */
export async function keepSecrets(home: string): Promise<Secrets> {
  const file = join(home, "secrets.json");
  const kept = await readJson(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  const secrets: Secrets = kept === undefined ? makeSecrets() : parseSecrets(file, kept);
  if (kept === undefined || !hasToolsKey(kept)) await writePrivateJson(file, secrets);
  return secrets;
}

function makeSecrets(): Secrets {
  return {
    pepper: randomBytes(pepperBytes).toString("hex"),
    apiKey: createApiKey("pat", randomBytes),
    agentKey: createApiKey("agt", randomBytes),
    toolsKey: makeToolsKey(),
  };
}

function makeToolsKey(): string {
  return randomBytes(toolsKeyBytes).toString("base64");
}

/** Makes the tenant and registers the keys where they are missing: a start that was cut off is made good by the next. */
export async function prepareTenant(database: Database, secrets: Secrets, newId: NewId): Promise<void> {
  const keys = keyRepository(database);
  const existing = await keys.findTenantByName(tenantName);
  const tenant = existing ?? { id: newId() as TenantId, name: tenantName };
  if (existing === undefined) await keys.createTenant(tenant);
  const register = (key: FirstKey): Promise<void> =>
    registerKey(keys, { ...key, tenantId: tenant.id, id: newId() as ApiKeyId, pepper: secrets.pepper });
  await register({ text: secrets.apiKey, kind: "pat", name: "first key", scopes: scopesOfRole("admin") });
  await register({ text: secrets.agentKey, kind: "agt", name: "demo agents", scopes: defaultScopesOf("agt") });
}

interface FirstKey {
  readonly text: string;
  readonly kind: "pat" | "agt";
  readonly name: string;
  readonly scopes: readonly Scope[];
}

async function registerKey(
  keys: KeyRepository,
  { text, pepper, ...key }: FirstKey & { readonly tenantId: TenantId; readonly id: ApiKeyId; readonly pepper: string },
): Promise<void> {
  const hash = hashApiKey(text, pepper);
  if ((await keys.findByHash(hash)) === undefined) await keys.create({ ...key, hash, display: displayOf(text) });
}

function parseSecrets(file: string, value: unknown): Secrets {
  const { pepper, apiKey, agentKey } = (value ?? {}) as Partial<Record<keyof Secrets, unknown>>;
  if (typeof pepper !== "string" || !isKey(apiKey) || !isKey(agentKey)) throw unreadable(file, undefined);
  return { pepper, apiKey, agentKey, toolsKey: hasToolsKey(value) ? value.toolsKey : makeToolsKey() };
}

/** False for a file of a version that knew no tools of other servers. */
function hasToolsKey(kept: unknown): kept is { readonly toolsKey: string } {
  return typeof kept === "object" && kept !== null && "toolsKey" in kept && typeof kept.toolsKey === "string";
}

/** A key that was cut or changed by hand would be registered, and then be refused by every door. */
function isKey(value: unknown): value is string {
  return typeof value === "string" && parseApiKey(value) !== undefined;
}

function unreadable(file: string, cause: unknown): AppError {
  return new AppError("failed_precondition", `${file} can't be read as {pepper, apiKey, agentKey}`, { cause });
}
