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
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { openFolder } from "./folder.ts";

/** The REST API and a node of the MCP server, as processes on one database, with Valkey. */
export interface Doors extends AsyncDisposable {
  readonly tenantId: TenantId;
  /** May do everything. */
  readonly apiKey: string;
  readonly database: Database;
  /** Everything that the services have logged. */
  logs(): string;
  createTenant(): Promise<TenantId>;
  createKey(scopes: readonly Scope[], tenantId?: TenantId): Promise<string>;
  /** Asks the REST API. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Connects a client of the official SDK. */
  connect(options?: ConnectOptions): Promise<Client>;
  /** Of the node, without the path. */
  readonly mcpUrl: string;
}

interface AskOptions {
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface ConnectOptions {
  readonly key?: string;
  readonly era?: "modern" | "legacy";
}

/** An answer of the API, parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what the tests are about
  readonly data: any;
  readonly error: { readonly code: string; readonly reason?: string; readonly message: string } | undefined;
}

type Environment = Readonly<Record<string, string>>;

/** Starts both; undefined where this machine has no Postgres. */
export async function openDoors(
  env: Environment,
  { rest: restEnv = {} }: { readonly rest?: Environment } = {},
): Promise<Doors | undefined> {
  const { databaseUrl, redisUrl } = givenServices();
  if (databaseUrl === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await createTestDatabase({ url: databaseUrl, migrationsDir, migrate: migrateAt }));
  const database = stack.use(openPostgres({ url }));
  const pepper = randomBytes(24).toString("hex");
  const own = { DEVMESH_DATABASE_URL: url, DEVMESH_REDIS_URL: redisUrl, DEVMESH_PEPPER: pepper };
  // services that are killed leave the folders of their programs
  const folder = stack.use(await openFolder());
  const common = {
    ...own,
    TMPDIR: folder.path,
    DEVMESH_LOG_LEVEL: "trace",
    DEVMESH_RATE_LIMIT_PER_SECOND: "0",
    NODE_ENV: "test",
    ...env,
  };
  const [rest, mcp] = await Promise.all([
    startService(stack, "rest-api", "DEVMESH_REST_PORT", { ...common, ...restEnv }),
    startService(stack, "mcp-server", "DEVMESH_MCP_PORT", common),
  ]);
  const keys = keyRepository(database);
  const newId = createUuidV7();

  async function createTenant(): Promise<TenantId> {
    const id = newId() as TenantId;
    await keys.createTenant({ id, name: id });
    return id;
  }
  const tenantId = await createTenant();

  async function createKey(scopes: readonly Scope[], of = tenantId): Promise<string> {
    const text = createApiKey("svc", randomBytes);
    const known = { hash: hashApiKey(text, pepper), display: displayOf(text) };
    await keys.create({ tenantId: of, id: newId() as ApiKeyId, kind: "svc", name: "test", scopes, ...known });
    return text;
  }
  const apiKey = await createKey(["admin"]);
  const mcpUrl = mcp.url;
  const owned = stack.move();

  return {
    tenantId,
    apiKey,
    database,
    mcpUrl,
    createTenant,
    createKey,
    logs: () => rest.process.output() + mcp.process.output(),
    ask: (method, path, { body, key = apiKey, headers } = {}) =>
      ask(`${rest.url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    connect: async ({ key = apiKey, era = "modern" } = {}) => {
      const mode = era === "legacy" ? "legacy" : { pin: "2026-07-28" };
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
      const requestInit = { headers: { authorization: `Bearer ${key}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(`${mcpUrl}/mcp`), { requestInit }));
      owned.defer(() => client.close());
      return client;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, ...JSON.parse(text) };
}

async function startService(
  stack: AsyncDisposableStack,
  name: string,
  portVariable: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly url: string; readonly process: ServiceProcess }> {
  const main = fileURLToPath(new URL(`../../../apps/${name}/src/main.ts`, import.meta.url));
  const port = await findFreePort();
  const started = stack.use(
    await startProcess(process.execPath, ["--conditions=devmesh-source", main], {
      env: { ...env, [portVariable]: String(port) },
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  const isReady = async (): Promise<boolean> => {
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok === true;
  };
  await waitFor(isReady, { timeoutMs: 60_000, what: `${name} to be ready` });
  return { url, process: started };
}

async function migrateAt(url: string): Promise<void> {
  await using database = openPostgres({ url });
  await migrate(database);
}
