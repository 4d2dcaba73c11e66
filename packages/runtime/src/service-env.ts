import { assert } from "@devmesh/models";
import { type LogLevel, logLevels } from "@devmesh/observability";
import { type EnvReader, required } from "./env-reader.ts";
import type { Secret } from "./secret.ts";

/** What the environment says to every service of a mesh, typed; durations in milliseconds. */
export interface ServiceEnv {
  readonly databaseUrl: Secret | undefined;
  readonly databaseConnections: number;
  readonly redisUrl: Secret | undefined;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly pepper: Secret;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly shutdownMs: number;
}

/** What differs from service to service in reading it. */
export interface ServiceEnvOptions {
  readonly portVariable: string;
  readonly defaultPort: number;
  /** The process opens its stores itself, and needs to be told where they are. */
  readonly ownStores: boolean;
}

/** How an app reads its environment. */
export interface ReadEnvOptions {
  /** The process opens its stores itself, and needs to be told where they are. Default: its caller brings them. */
  readonly ownStores?: boolean;
}

/** The part of a service's configuration that all have in common. */
export interface ServiceConfig {
  readonly http: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  /** With it keys are hashed: the same on every service of a mesh. */
  readonly pepper: Secret;
  readonly tasks: { readonly leaseMs: number; readonly acceptMs: number };
  readonly shutdownMs: number;
}

/** What a process of its own opens. */
export interface StoresConfig {
  readonly databaseUrl: Secret;
  readonly databaseConnections: number;
  /** Without it hints go over NOTIFY. */
  readonly redisUrl: Secret | undefined;
}

/** What `DEVMESH_DATABASE_URL` must be, for {@link EnvReader.secretUrl}. */
export const postgresUrls = { protocols: ["postgres", "postgresql"] };

/** Reads the variables that all services share. The caller reads its own, and then calls {@link EnvReader.done}. */
export function readServiceEnv(reader: EnvReader, options: ServiceEnvOptions): ServiceEnv {
  const raw: ServiceEnv = {
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", undefined, postgresUrls),
    databaseConnections: reader.int("DEVMESH_DATABASE_CONNECTIONS", 10, { min: 1, max: 200 }),
    redisUrl: reader.secretUrl("DEVMESH_REDIS_URL", undefined, { protocols: ["redis", "rediss"] }),
    host: reader.string("DEVMESH_HOST", "127.0.0.1"),
    port: reader.int(options.portVariable, options.defaultPort, { min: 0, max: 65_535 }),
    logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
    pepper: reader.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
    leaseMs: reader.int("DEVMESH_LEASE_MS", 30_000, { min: 500, max: 3_600_000 }),
    acceptMs: reader.int("DEVMESH_ACCEPT_MS", 10_000, { min: 100, max: 600_000 }),
    shutdownMs: reader.int("DEVMESH_SHUTDOWN_MS", 25_000, { min: 1_000, max: 600_000 }),
  };
  if (options.ownStores && raw.databaseUrl === undefined) reader.refuse("DEVMESH_DATABASE_URL", "is required");
  return raw;
}

/** Gives what all services share its shape. */
export function toServiceConfig(raw: ServiceEnv): ServiceConfig {
  return {
    http: { host: raw.host, port: raw.port },
    logLevel: raw.logLevel,
    pepper: raw.pepper,
    tasks: { leaseMs: raw.leaseMs, acceptMs: raw.acceptMs },
    shutdownMs: raw.shutdownMs,
  };
}

/** Undefined where no database is named: the caller brings it. */
export function toStoresConfig({ databaseUrl, databaseConnections, redisUrl }: ServiceEnv): StoresConfig | undefined {
  return databaseUrl === undefined ? undefined : { databaseUrl, databaseConnections, redisUrl };
}

/** The stores that a process of its own opens; its environment must have been read with `ownStores`. */
export function storesOf<Stores extends StoresConfig>({ stores }: { readonly stores: Stores | undefined }): Stores {
  assert(stores !== undefined, "the environment was read for a caller that brings the stores");
  return stores;
}
