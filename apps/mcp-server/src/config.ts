import { defaultNodeLeaseMs, defaultPresenceMs } from "@devmesh/agents";
import { defaultMaxDepth } from "@devmesh/models";
import {
  envReader,
  type ModelsConfig,
  type ModelsEnv,
  type ObjectsConfig,
  type ObjectsEnv,
  type RateLimit,
  type ReadEnvOptions,
  readModelsEnv,
  readObjectsEnv,
  readRateLimit,
  readServiceEnv,
  readToolsEnv,
  type Secret,
  type ServiceConfig,
  type ServiceEnv,
  type StoresConfig,
  type ToolsConfig,
  type ToolsEnv,
  toModelsConfig,
  toObjectsConfig,
  toServiceConfig,
  toStoresConfig,
  toToolsConfig,
} from "@devmesh/runtime";
import { type Intervals, intervals } from "./limits.ts";
import type { GatewayConfig } from "./mcp/gateway/open-gateway.ts";
import type { McpHttpConfig, McpServerConfig } from "./mcp/mcp-config.ts";

/** Of one session, kept for clients whose responses were cut. Judgement: an answer has one or two. */
const maxSessionEvents = 256;

/** What the environment says, typed; durations in milliseconds. */
export interface McpEnv extends ServiceEnv {
  readonly heartbeatMs: number;
  readonly maxConnections: number;
  readonly maxTenantConnections: number;
  readonly upgradesPerSecond: number;
  readonly nodeLeaseMs: number;
  readonly presenceMs: number;
  readonly maxTaskDepth: number;
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly stateKey: Secret | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly maxStreams: number;
  readonly maxTenantStreams: number;
  readonly maxSessions: number;
  readonly maxTenantSessions: number;
  readonly sessionIdleMs: number;
  readonly sessionEventBytes: number;
  readonly isProduction: boolean;
  readonly conformanceFixtures: boolean;
  readonly models: ModelsEnv;
  readonly objects: ObjectsEnv;
  readonly listedTools: number;
  readonly tools: ToolsEnv;
}

/** Of one node: how many sockets it holds, and how many it lets in a second. */
export interface ConnectionLimits {
  readonly max: number;
  readonly maxPerTenant: number;
  readonly upgradesPerSecond: number;
}

/** How the MCP server runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface McpConfig extends ServiceConfig {
  readonly heartbeatMs: number;
  readonly intervals: Intervals;
  readonly connections: ConnectionLimits;
  /** How long an agent that claims its tasks is present after a sign of life. */
  readonly presenceMs: number;
  /** How deep tasks may be delegated. */
  readonly maxTaskDepth: number;
  readonly mcp: Omit<McpHttpConfig & McpServerConfig & GatewayConfig, "host">;
  readonly models: ModelsConfig;
  readonly tools: ToolsConfig;
  /** Undefined where the caller brings the database. */
  readonly stores: McpStoresConfig | undefined;
}

/** What a node of its own opens. */
export interface McpStoresConfig extends StoresConfig {
  /** Undefined: there are no contexts. */
  readonly objects: ObjectsConfig | undefined;
}

/**
 * Reads the environment.
 *
 * @throws AppError `invalid_argument`, reason `environment`, that lists every problem by variable.
 */
export function readEnv(
  env: Readonly<Record<string, string | undefined>>,
  { ownStores = false }: ReadEnvOptions = {},
): McpEnv {
  const reader = envReader(env);
  const raw: McpEnv = {
    ...readServiceEnv(reader, { portVariable: "DEVMESH_MCP_PORT", defaultPort: 8081, ownStores }),
    heartbeatMs: reader.int("DEVMESH_HEARTBEAT_MS", 15_000, { min: 100, max: 600_000 }),
    maxConnections: reader.int("DEVMESH_MCP_MAX_CONNECTIONS", 10_000, { min: 1, max: 1_000_000 }),
    maxTenantConnections: reader.int("DEVMESH_MCP_MAX_TENANT_CONNECTIONS", 5_000, { min: 1, max: 1_000_000 }),
    maxTaskDepth: reader.int("DEVMESH_MCP_MAX_TASK_DEPTH", defaultMaxDepth, { min: 0, max: 100 }),
    upgradesPerSecond: reader.int("DEVMESH_MCP_UPGRADES_PER_SECOND", 200, { min: 1, max: 100_000 }),
    publicUrl: reader.url("DEVMESH_MCP_PUBLIC_URL", undefined, { protocols: ["http", "https"] }),
    allowedHosts: reader.list("DEVMESH_MCP_ALLOWED_HOSTS", [], { maxItems: 100 }),
    allowedOrigins: reader.list("DEVMESH_MCP_ALLOWED_ORIGINS", [], { maxItems: 100 }),
    rateLimit: readRateLimit(reader),
    stateKey: reader.secret("DEVMESH_MCP_STATE_KEY", undefined, { minLength: 32 }),
    maxStreams: reader.int("DEVMESH_MCP_MAX_STREAMS", 10_000, { min: 1, max: 1_000_000 }),
    maxTenantStreams: reader.int("DEVMESH_MCP_MAX_TENANT_STREAMS", 1_000, { min: 1, max: 1_000_000 }),
    maxSessions: reader.int("DEVMESH_MCP_MAX_SESSIONS", 5_000, { min: 1, max: 1_000_000 }),
    maxTenantSessions: reader.int("DEVMESH_MCP_MAX_TENANT_SESSIONS", 1_000, { min: 1, max: 1_000_000 }),
    sessionIdleMs: reader.int("DEVMESH_MCP_SESSION_IDLE_MS", 3_600_000, { min: 1_000, max: 86_400_000 }),
    sessionEventBytes: reader.int("DEVMESH_MCP_SESSION_EVENT_BYTES", 1_048_576, { min: 1_024, max: 67_108_864 }),
    isProduction: reader.string("NODE_ENV", "development") === "production",
    conformanceFixtures: reader.boolean("DEVMESH_MCP_CONFORMANCE_FIXTURES", false),
    presenceMs: reader.int("DEVMESH_PULL_PRESENCE_MS", defaultPresenceMs, { min: 1_000, max: 86_400_000 }),
    nodeLeaseMs: reader.int("DEVMESH_NODE_LEASE_MS", defaultNodeLeaseMs, { min: 300, max: 600_000 }),
    models: readModelsEnv(reader),
    objects: readObjectsEnv(reader),
    listedTools: reader.int("DEVMESH_MCP_LISTED_TOOLS", 40, { min: 0, max: 1_000 }),
    tools: readToolsEnv(reader),
  };
  for (const origin of raw.allowedOrigins) {
    if (URL.parse(origin)?.origin === origin) continue;
    reader.refuse(
      "DEVMESH_MCP_ALLOWED_ORIGINS",
      `${JSON.stringify(origin)} is no origin such as https://pages.example`,
    );
  }
  for (const host of raw.allowedHosts) {
    if (URL.parse(`http://${host}`)?.hostname === host.toLowerCase()) continue;
    reader.refuse("DEVMESH_MCP_ALLOWED_HOSTS", `${JSON.stringify(host)} is no host name without a port`);
  }
  if (raw.conformanceFixtures && raw.isProduction) {
    reader.refuse("DEVMESH_MCP_CONFORMANCE_FIXTURES", "is refused where NODE_ENV is production");
  }
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: McpEnv): McpConfig {
  const stores = toStoresConfig(raw);
  return {
    ...toServiceConfig(raw),
    heartbeatMs: raw.heartbeatMs,
    intervals: { ...intervals, nodeLeaseMs: raw.nodeLeaseMs },
    connections: {
      max: raw.maxConnections,
      maxPerTenant: raw.maxTenantConnections,
      upgradesPerSecond: raw.upgradesPerSecond,
    },
    presenceMs: raw.presenceMs,
    maxTaskDepth: raw.maxTaskDepth,
    mcp: {
      publicUrl: raw.publicUrl,
      allowedHosts: raw.allowedHosts,
      allowedOrigins: raw.allowedOrigins,
      rateLimit: raw.rateLimit,
      streams: { max: raw.maxStreams, maxPerTenant: raw.maxTenantStreams },
      sessions: {
        maxLive: raw.maxSessions,
        maxPerTenant: raw.maxTenantSessions,
        idleMs: raw.sessionIdleMs,
        maxEvents: maxSessionEvents,
        maxEventBytes: raw.sessionEventBytes,
      },
      stateSecret: raw.stateKey ?? raw.pepper,
      checksOutput: !raw.isProduction,
      conformanceFixtures: raw.conformanceFixtures,
      listedTools: raw.listedTools,
      toolCheckMs: raw.tools.checkMs,
    },
    models: toModelsConfig(raw.models),
    tools: toToolsConfig(raw.tools),
    stores: stores && { ...stores, objects: toObjectsConfig(raw.objects) },
  };
}
