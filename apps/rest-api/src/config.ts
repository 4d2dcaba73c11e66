import { assert } from "@devmesh/models";
import { type LogLevel, logLevels } from "@devmesh/observability";
import { envReader, required, type Secret } from "@devmesh/runtime";

/** What the environment says, typed; durations in milliseconds. */
export interface RestEnv {
  readonly databaseUrl: Secret | undefined;
  readonly redisUrl: Secret | undefined;
  readonly databaseConnections: number;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly pepper: Secret;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly shutdownMs: number;
  readonly rateLimitPerSecond: number;
}

/** How the REST service runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface RestConfig {
  readonly http: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  /** With it keys are hashed: the same on every service of a mesh. */
  readonly pepper: Secret;
  readonly tasks: { readonly leaseMs: number; readonly acceptMs: number };
  readonly shutdownMs: number;
  /** Undefined: off. */
  readonly rateLimit: { readonly perSecond: number; readonly burst: number } | undefined;
  /** Undefined where the caller brings the database. */
  readonly stores:
    | { readonly databaseUrl: Secret; readonly databaseConnections: number; readonly redisUrl: Secret | undefined }
    | undefined;
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
): RestEnv {
  const reader = envReader(env);
  const raw: RestEnv = {
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", undefined, { protocols: ["postgres", "postgresql"] }),
    redisUrl: reader.secretUrl("DEVMESH_REDIS_URL", undefined, { protocols: ["redis", "rediss"] }),
    databaseConnections: reader.int("DEVMESH_DATABASE_CONNECTIONS", 10, { min: 1, max: 200 }),
    host: reader.string("DEVMESH_HOST", "127.0.0.1"),
    port: reader.int("DEVMESH_REST_PORT", 8080, { min: 0, max: 65_535 }),
    logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
    pepper: reader.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
    leaseMs: reader.int("DEVMESH_LEASE_MS", 30_000, { min: 500, max: 3_600_000 }),
    acceptMs: reader.int("DEVMESH_ACCEPT_MS", 10_000, { min: 100, max: 600_000 }),
    shutdownMs: reader.int("DEVMESH_SHUTDOWN_MS", 25_000, { min: 1_000, max: 600_000 }),
    rateLimitPerSecond: reader.int("DEVMESH_RATE_LIMIT_PER_SECOND", 2_000, { min: 0, max: 1_000_000 }),
  };
  if (ownStores && raw.databaseUrl === undefined) reader.refuse("DEVMESH_DATABASE_URL", "is required");
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: RestEnv): RestConfig {
  const { databaseUrl, databaseConnections, redisUrl, rateLimitPerSecond: perSecond } = raw;
  return {
    http: { host: raw.host, port: raw.port },
    logLevel: raw.logLevel,
    pepper: raw.pepper,
    tasks: { leaseMs: raw.leaseMs, acceptMs: raw.acceptMs },
    shutdownMs: raw.shutdownMs,
    rateLimit: perSecond === 0 ? undefined : { perSecond, burst: perSecond * 2 },
    stores: databaseUrl === undefined ? undefined : { databaseUrl, databaseConnections, redisUrl },
  };
}

/** The stores that a process of its own opens; its environment was read with `ownStores`. */
export function storesOf({ stores }: RestConfig): NonNullable<RestConfig["stores"]> {
  assert(stores !== undefined, "the environment was read for a caller that brings the stores");
  return stores;
}
