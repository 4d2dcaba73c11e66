import { type LogLevel, logLevels } from "@devmesh/observability";
import { envReader, required, type Secret } from "@devmesh/runtime";

/** What the service itself is told; what it works on is opened by its caller. */
export interface RestConfig {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly shutdownMs: number;
  /** What API keys are hashed under: the same on every service of a mesh. */
  readonly pepper: Secret;
  /** Of each API key, with a burst of twice as many; 0 is off. */
  readonly rateLimitPerSecond: number;
}

/** The REST service as a process of its own. */
export interface RestProcessConfig {
  readonly service: RestConfig;
  readonly database: { readonly url: Secret; readonly maxConnections: number };
  readonly redisUrl: Secret | undefined;
  readonly logLevel: LogLevel;
}

/** Reads the environment. @throws AppError `invalid_argument` that lists all problems by name. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): RestProcessConfig {
  const read = envReader(env);
  const config: RestProcessConfig = {
    service: {
      host: read.string("DEVMESH_HOST", "127.0.0.1"),
      port: read.int("DEVMESH_REST_PORT", 8080, { min: 0, max: 65_535 }),
      leaseMs: read.int("DEVMESH_LEASE_MS", 30_000, { min: 500, max: 3_600_000 }),
      acceptMs: read.int("DEVMESH_ACCEPT_MS", 10_000, { min: 100, max: 600_000 }),
      shutdownMs: read.int("DEVMESH_SHUTDOWN_MS", 25_000, { min: 1_000, max: 600_000 }),
      pepper: read.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
      rateLimitPerSecond: read.int("DEVMESH_RATE_LIMIT_PER_SECOND", 2_000, { min: 0, max: 1_000_000 }),
    },
    database: {
      url: read.secretUrl("DEVMESH_DATABASE_URL", required, { protocols: ["postgres", "postgresql"] }),
      maxConnections: read.int("DEVMESH_DATABASE_CONNECTIONS", 10, { min: 2, max: 1_000 }),
    },
    redisUrl: read.secretUrl("DEVMESH_REDIS_URL", undefined, { protocols: ["redis", "rediss"] }),
    logLevel: read.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
  };
  read.done();
  return config;
}
