import { assert } from "@devmesh/models";
import { type LogLevel, logLevels } from "@devmesh/observability";
import { envReader, required, type Secret } from "@devmesh/runtime";
import { type Intervals, intervals } from "./limits.ts";

/** What the environment says, typed; durations in milliseconds. */
export interface McpEnv {
  readonly databaseUrl: Secret | undefined;
  readonly databaseConnections: number;
  readonly redisUrl: Secret | undefined;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly pepper: Secret;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly shutdownMs: number;
  readonly maxConnections: number;
  readonly maxTenantConnections: number;
}

/** What a process of its own opens. */
export interface StoresConfig {
  readonly databaseUrl: Secret;
  readonly databaseConnections: number;
  readonly redisUrl: Secret | undefined;
}

/** How the MCP server runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface McpConfig {
  readonly http: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  /** With it keys are hashed: the same on every service of a mesh. */
  readonly pepper: Secret;
  readonly heartbeatMs: number;
  readonly intervals: Intervals;
  readonly tasks: { readonly leaseMs: number; readonly acceptMs: number };
  readonly shutdownMs: number;
  /** Of this node. */
  readonly connections: { readonly max: number; readonly maxPerTenant: number };
  /** Undefined where the caller brings the database. */
  readonly stores: StoresConfig | undefined;
}

/** How the environment is read. */
export interface ReadEnvOptions {
  /** The process opens its database itself, and needs to be told where it is. Default: its caller brings it. */
  readonly ownStores?: boolean;
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
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", undefined, { protocols: ["postgres", "postgresql"] }),
    databaseConnections: reader.int("DEVMESH_DATABASE_CONNECTIONS", 10, { min: 1, max: 200 }),
    redisUrl: reader.secretUrl("DEVMESH_REDIS_URL", undefined, { protocols: ["redis", "rediss"] }),
    host: reader.string("DEVMESH_HOST", "127.0.0.1"),
    port: reader.int("DEVMESH_MCP_PORT", 8081, { min: 0, max: 65_535 }),
    logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
    pepper: reader.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
    heartbeatMs: reader.int("DEVMESH_HEARTBEAT_MS", 15_000, { min: 100, max: 600_000 }),
    leaseMs: reader.int("DEVMESH_LEASE_MS", 30_000, { min: 500, max: 3_600_000 }),
    acceptMs: reader.int("DEVMESH_ACCEPT_MS", 10_000, { min: 100, max: 600_000 }),
    shutdownMs: reader.int("DEVMESH_SHUTDOWN_MS", 25_000, { min: 1_000, max: 600_000 }),
    maxConnections: reader.int("DEVMESH_MCP_MAX_CONNECTIONS", 10_000, { min: 1, max: 1_000_000 }),
    maxTenantConnections: reader.int("DEVMESH_MCP_MAX_TENANT_CONNECTIONS", 5_000, { min: 1, max: 1_000_000 }),
  };
  if (ownStores && raw.databaseUrl === undefined) reader.refuse("DEVMESH_DATABASE_URL", "is required");
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: McpEnv): McpConfig {
  const { databaseUrl, databaseConnections, redisUrl } = raw;
  return {
    http: { host: raw.host, port: raw.port },
    logLevel: raw.logLevel,
    pepper: raw.pepper,
    heartbeatMs: raw.heartbeatMs,
    intervals,
    tasks: { leaseMs: raw.leaseMs, acceptMs: raw.acceptMs },
    shutdownMs: raw.shutdownMs,
    connections: { max: raw.maxConnections, maxPerTenant: raw.maxTenantConnections },
    stores: databaseUrl === undefined ? undefined : { databaseUrl, databaseConnections, redisUrl },
  };
}

/** The stores that a process of its own opens; its environment was read with `ownStores`. */
export function storesOf({ stores }: McpConfig): StoresConfig {
  assert(stores !== undefined, "the environment was read for a caller that brings the stores");
  return stores;
}
