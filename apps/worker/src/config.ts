import { assert } from "@devmesh/models";
import { type LogLevel, logLevels } from "@devmesh/observability";
import { envReader, required, type Secret } from "@devmesh/runtime";

/** What the environment says, typed; durations in milliseconds. */
export interface WorkerEnv {
  readonly databaseUrl: Secret | undefined;
  readonly databaseConnections: number;
  readonly redisUrl: Secret | undefined;
  readonly awsEndpoint: string | undefined;
  readonly awsRegion: string;
  readonly tasksQueueUrl: string | undefined;
  readonly tasksDeadLetterUrl: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly pepper: Secret;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly shutdownMs: number;
}

/** Where messages about tasks go. */
export interface TasksQueueConfig {
  readonly region: string;
  /** A stand-in's; the queue is made there if need be. */
  readonly endpoint: string | undefined;
  /** Of an existing queue; needed where there is no endpoint. */
  readonly queueUrl: string | undefined;
  readonly deadLetterUrl: string | undefined;
}

/** What a process of its own opens. */
export interface StoresConfig {
  readonly databaseUrl: Secret;
  readonly databaseConnections: number;
  readonly redisUrl: Secret | undefined;
  readonly tasksQueue: TasksQueueConfig;
}

/** How the worker runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface WorkerConfig {
  /** Of its health. */
  readonly http: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  /** With it keys are hashed: the same on every service of a mesh. */
  readonly pepper: Secret;
  readonly tasks: { readonly leaseMs: number; readonly acceptMs: number };
  readonly shutdownMs: number;
  /** Undefined where the caller brings the database. */
  readonly stores: StoresConfig | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const postgresUrls = { protocols: ["postgres", "postgresql"] };

/** How the environment is read. */
export interface ReadEnvOptions {
  /** The process opens database and queue itself, and needs to be told where they are. Default: its caller brings them. */
  readonly ownStores?: boolean;
}

/**
 * Reads the environment.
 *
 * @throws AppError `invalid_argument`, reason `environment`, that lists every problem by variable.
 */
export function readEnv(env: Environment, { ownStores = false }: ReadEnvOptions = {}): WorkerEnv {
  const reader = envReader(env);
  const raw: WorkerEnv = {
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", undefined, postgresUrls),
    // Relay and sweep hold a connection of their own each, beside these.
    databaseConnections: reader.int("DEVMESH_DATABASE_CONNECTIONS", 10, { min: 1, max: 200 }),
    redisUrl: reader.secretUrl("DEVMESH_REDIS_URL", undefined, { protocols: ["redis", "rediss"] }),
    awsEndpoint: reader.url("DEVMESH_AWS_ENDPOINT", undefined, { protocols: ["http", "https"] }),
    awsRegion: reader.string("AWS_REGION", "us-east-1"),
    tasksQueueUrl: reader.url("DEVMESH_QUEUE_TASKS_URL", undefined, { protocols: ["http", "https"] }),
    tasksDeadLetterUrl: reader.url("DEVMESH_QUEUE_TASKS_DLQ_URL", undefined, { protocols: ["http", "https"] }),
    host: reader.string("DEVMESH_HOST", "127.0.0.1"),
    port: reader.int("DEVMESH_WORKER_PORT", 8082, { min: 0, max: 65_535 }),
    logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
    pepper: reader.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
    leaseMs: reader.int("DEVMESH_LEASE_MS", 30_000, { min: 500, max: 3_600_000 }),
    acceptMs: reader.int("DEVMESH_ACCEPT_MS", 10_000, { min: 100, max: 600_000 }),
    shutdownMs: reader.int("DEVMESH_SHUTDOWN_MS", 25_000, { min: 1_000, max: 600_000 }),
  };
  if (ownStores && raw.databaseUrl === undefined) reader.refuse("DEVMESH_DATABASE_URL", "is required");
  if (ownStores && raw.awsEndpoint === undefined && raw.tasksQueueUrl === undefined) {
    reader.refuse("DEVMESH_QUEUE_TASKS_URL", "is required where DEVMESH_AWS_ENDPOINT is not given");
  }
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: WorkerEnv): WorkerConfig {
  const { databaseUrl, databaseConnections, redisUrl } = raw;
  const tasksQueue = {
    region: raw.awsRegion,
    endpoint: raw.awsEndpoint,
    queueUrl: raw.tasksQueueUrl,
    deadLetterUrl: raw.tasksDeadLetterUrl,
  };
  return {
    http: { host: raw.host, port: raw.port },
    logLevel: raw.logLevel,
    pepper: raw.pepper,
    tasks: { leaseMs: raw.leaseMs, acceptMs: raw.acceptMs },
    shutdownMs: raw.shutdownMs,
    stores: databaseUrl === undefined ? undefined : { databaseUrl, databaseConnections, redisUrl, tasksQueue },
  };
}

/** The stores that a process of its own opens; its environment was read with `ownStores`. */
export function storesOf({ stores }: WorkerConfig): StoresConfig {
  assert(stores !== undefined, "the environment was read for a caller that brings the stores");
  return stores;
}

/** Reads what migrating needs. @throws AppError `invalid_argument` that lists all problems by name. */
export function readMigrateEnv(env: Environment): { readonly databaseUrl: Secret; readonly logLevel: LogLevel } {
  const reader = envReader(env);
  const raw = {
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", required, postgresUrls),
    logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "info", logLevels),
  };
  reader.done();
  return raw;
}
