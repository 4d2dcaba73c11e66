import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createApiKey, displayOf, hashApiKey, type Scope } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { type Database, keyRepository, migrate, migrationsDir, openPostgres } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import {
  createTestDatabase,
  findFreePort,
  givenServices,
  type ServiceProcess,
  startProcess,
  waitFor,
} from "@devmesh/testing";

const main = fileURLToPath(new URL("../../../apps/mcp-server/src/main.ts", import.meta.url));

/** A node of the MCP server as a process of its own, on a database of its own, with Valkey. */
export interface McpNode extends AsyncDisposable {
  /** Without the path. */
  readonly url: string;
  readonly tenantId: TenantId;
  /** May do everything. */
  readonly apiKey: string;
  readonly database: Database;
  readonly process: ServiceProcess;
  /** Another process over the same database and Valkey. Its caller ends it. */
  startBeside(): Promise<{ readonly url: string; readonly process: ServiceProcess }>;
  /** Of the node's tenant unless another is named; bound to an agent where one is. */
  createKey(scopes: readonly Scope[], ofTenant?: TenantId, agentName?: string): Promise<string>;
}

export interface McpNodeOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it; undefined where this machine has no Postgres. */
export async function startMcpNode({ args = [], env = {} }: McpNodeOptions = {}): Promise<McpNode | undefined> {
  const { databaseUrl, redisUrl } = givenServices();
  if (databaseUrl === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const { url: ownUrl } = stack.use(await createTestDatabase({ url: databaseUrl, migrationsDir, migrate: migrateAt }));
  const database = stack.use(openPostgres({ url: ownUrl }));
  const pepper = randomBytes(24).toString("hex");
  const newId = createUuidV7();
  const tenantId = newId() as TenantId;
  const keys = keyRepository(database);
  await keys.createTenant({ id: tenantId, name: "mcp" });

  async function createKey(scopes: readonly Scope[], ofTenant = tenantId, agentName?: string): Promise<string> {
    const text = createApiKey("svc", randomBytes);
    const id = newId() as ApiKeyId;
    const known = { hash: hashApiKey(text, pepper), display: displayOf(text) };
    await keys.create({ tenantId: ofTenant, id, kind: "svc", name: "test", scopes, agentName, ...known });
    return text;
  }

  const common = {
    DEVMESH_DATABASE_URL: ownUrl,
    DEVMESH_REDIS_URL: redisUrl,
    DEVMESH_PEPPER: pepper,
    DEVMESH_LOG_LEVEL: "warn",
    NODE_ENV: "test",
    ...env,
  };
  const startBeside: McpNode["startBeside"] = () => startOn(args, common);
  const { url, process: started } = await startBeside();
  stack.use(started);
  const apiKey = await createKey(["admin"]);
  const owned = stack.move();
  return {
    url,
    tenantId,
    apiKey,
    database,
    process: started,
    startBeside,
    createKey,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startOn(
  args: readonly string[],
  common: Readonly<Record<string, string | undefined>>,
): ReturnType<McpNode["startBeside"]> {
  const port = await findFreePort();
  const started = await startProcess(process.execPath, ["--conditions=devmesh-source", main, ...args], {
    env: { ...common, DEVMESH_MCP_PORT: String(port) },
  });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(url, started);
  return { url, process: started };
}

async function migrateAt(url: string): Promise<void> {
  await using database = openPostgres({ url });
  await migrate(database);
}

async function waitUntilReady(url: string, started: ServiceProcess): Promise<void> {
  const ended = started.exited.then(() => {
    throw new Error(`the node ended at its start:\n${started.output()}`);
  });
  const isReady = async (): Promise<boolean> => {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    return response.ok;
  };
  await Promise.race([waitFor(isReady, { timeoutMs: 60_000, what: `${url}/readyz` }), ended]);
  ended.catch(() => undefined);
}
