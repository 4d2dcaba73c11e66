import { randomBytes, randomUUID } from "node:crypto";
import { createHints, type FanOut, type Hints, memoryFanOut } from "@devmesh/adapters";
import { createApiKey, displayOf, hashApiKey, type Scope } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import {
  type Database,
  keyRepository,
  ledgerStore,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  snapshotPglite,
  sql,
} from "@devmesh/repositories";
import { type ConfiguredKey, createUuidV7, Secret, systemClock } from "@devmesh/runtime";
import { createTaskEngine, openOutputSchemas, type TaskEngine } from "@devmesh/tasks";
import { openTestDatabase } from "@devmesh/testing";
import type { McpConfig } from "../src/config.ts";
import { intervals } from "../src/limits.ts";
import { type McpResources, runService } from "../src/service.ts";

const pepper = "a pepper of the tests";
const newId = createUuidV7();

/** With it every node opens the secrets of tool servers. */
const toolSecretsKey: ConfiguredKey = { id: "test", bytes: randomBytes(32), isWrapped: false };

const baseConfig: McpConfig = {
  http: { host: "127.0.0.1", port: 0 },
  logLevel: "silent",
  pepper: new Secret(pepper),
  heartbeatMs: 15_000,
  intervals,
  tasks: { leaseMs: 30_000, acceptMs: 10_000 },
  shutdownMs: 8_000,
  connections: { max: 1_000, maxPerTenant: 500, upgradesPerSecond: 200 },
  presenceMs: 120_000,
  maxTaskDepth: 8,
  mcp: {
    publicUrl: undefined,
    allowedHosts: [],
    allowedOrigins: [],
    rateLimit: undefined,
    streams: { max: 1_000, maxPerTenant: 500 },
    sessions: { maxLive: 1_000, maxPerTenant: 500, idleMs: 60_000, maxEvents: 256, maxEventBytes: 1_048_576 },
    stateSecret: new Secret(pepper),
    checksOutput: true,
    conformanceFixtures: false,
    listedTools: 40,
    toolCheckMs: 60_000,
  },
  models: { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined },
  tools: {
    commands: [process.execPath],
    variables: ["TOKEN"],
    allowHttp: true,
    allowPrivate: false,
    allowLoopback: true,
    secretKeys: () => [toolSecretsKey],
    kms: { region: "us-east-1", endpoint: undefined },
    checkMs: 60_000,
    breakerMs: 10_000,
  },
  stores: undefined,
};

export interface Node extends AsyncDisposable {
  readonly port: number;
  /** Ends it gracefully. */
  stop(): Promise<void>;
}

export interface KeyOptions {
  readonly scopes?: readonly Scope[];
  readonly agentName?: string;
  /** The mesh's own unless given. */
  readonly tenantId?: TenantId;
}

/** What differs from the usual, of `/mcp` too. */
export type NodeConfig = Partial<McpConfig & McpConfig["mcp"]>;

/** A database with a tenant, and nodes of the MCP server over it. */
export interface Mesh extends AsyncDisposable {
  readonly database: Database;
  readonly tenantId: TenantId;
  /** Another service's: what changes tasks from elsewhere. */
  readonly engine: TaskEngine;
  readonly hints: Hints;
  /** Of the tenant, with what an agent may do. */
  readonly key: string;
  createKey(options?: KeyOptions): Promise<{ readonly text: string; readonly id: ApiKeyId }>;
  revokeKey(id: ApiKeyId): Promise<void>;
  startNode(config?: NodeConfig, resources?: Partial<McpResources>): Promise<Node>;
}

/** Opens a database of its own, native where there is one, else embedded. */
export async function openMesh(): Promise<Mesh> {
  const stack = new AsyncDisposableStack();
  const database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
  const fanOut: FanOut = stack.use(memoryFanOut());
  const hints = stack.use(createHints(fanOut));
  const outputSchemas = stack.use(openOutputSchemas({ timeoutMs: 20_000, maxWaiting: 1_000 }));
  const engine = stack.use(
    createTaskEngine({
      store: ledgerStore(database, newId),
      hints: hints.engineHints,
      outputSchemas,
      newId,
      random: Math.random,
      now: systemClock,
      ...baseConfig.tasks,
      onError: (error) => {
        throw error;
      },
    }),
  );
  const keys = keyRepository(database);
  const tenantId = newId() as TenantId;
  await keys.createTenant({ id: tenantId, name: `tenant-${randomUUID()}` });

  async function createKey({ scopes, agentName, ...of }: KeyOptions = {}): Promise<{ text: string; id: ApiKeyId }> {
    const text = createApiKey("agt", randomBytes);
    const id = newId() as ApiKeyId;
    await keys.create({
      tenantId: of.tenantId ?? tenantId,
      id,
      kind: "agt",
      name: "test",
      hash: hashApiKey(text, pepper),
      display: displayOf(text),
      scopes: scopes ?? ["agents:connect", "tasks:read", "tasks:write"],
      agentName,
    });
    return { text, id };
  }

  return {
    database,
    tenantId,
    engine,
    hints,
    key: (await createKey()).text,
    createKey,
    revokeKey: async (id) => {
      await database.query(sql`update api_key set revoked_at = now() where id = ${id}`);
    },
    async startNode(config = {}, resources = {}) {
      const mcp = { ...baseConfig.mcp, ...config };
      const node = await startNode({ ...baseConfig, ...config, mcp }, { database, fanOut, ...resources });
      stack.use(node);
      return node;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startNode(config: McpConfig, open: Pick<McpResources, "database" | "fanOut">): Promise<Node> {
  const stopping = new AbortController();
  const ready = Promise.withResolvers<number>();
  const ended = runService(config, stopping.signal, {
    ...open,
    logger: createLogger({ level: config.logLevel, service: "mcp-server" }),
    onReady: ({ port }) => ready.resolve(port),
  });
  ended.catch(ready.reject);
  const port = await ready.promise;
  const stop = (): Promise<void> => {
    stopping.abort();
    return ended;
  };
  return { port, stop, [Symbol.asyncDispose]: stop };
}
