import { defaultNodeLeaseMs } from "@devmesh/agents";
import { type LogLevel, logLevels } from "@devmesh/observability";
import {
  envReader,
  type ModelsConfig,
  type ModelsEnv,
  type ObjectsConfig,
  type ObjectsEnv,
  postgresUrls,
  type ReadEnvOptions,
  readModelsEnv,
  readObjectsEnv,
  readServiceEnv,
  required,
  type Secret,
  type ServiceConfig,
  type ServiceEnv,
  type StoresConfig,
  toModelsConfig,
  toObjectsConfig,
  toServiceConfig,
  toStoresConfig,
} from "@devmesh/runtime";

/** What the environment says, typed; durations in milliseconds. Relay and sweep hold a database connection each beside. */
export interface WorkerEnv extends ServiceEnv {
  readonly awsEndpoint: string | undefined;
  readonly awsRegion: string;
  readonly tasksQueueUrl: string | undefined;
  readonly tasksDeadLetterUrl: string | undefined;
  readonly embeddingsQueueUrl: string | undefined;
  readonly embeddingsDeadLetterUrl: string | undefined;
  readonly embeddingClaimMs: number;
  readonly importLeaseMs: number;
  readonly models: ModelsEnv;
  readonly objects: ObjectsEnv;
  readonly nodeLeaseMs: number;
}

/** Where messages of one kind go. */
export interface QueueConfig {
  readonly region: string;
  /** A stand-in's; the queue is made there if need be. */
  readonly endpoint: string | undefined;
  /** Of an existing queue; needed where there is no endpoint. */
  readonly queueUrl: string | undefined;
  readonly deadLetterUrl: string | undefined;
}

/** What a worker of its own opens. */
export interface WorkerStoresConfig extends StoresConfig {
  readonly tasksQueue: QueueConfig;
  readonly embeddingsQueue: QueueConfig;
  /** Undefined where there is no bucket: no imports, no contexts. */
  readonly objects: ObjectsConfig | undefined;
}

/** How the worker runs; `http` is that of its health. What it opens itself, in `main.ts`, is under `stores`. */
export interface WorkerConfig extends ServiceConfig {
  /** Undefined where the caller brings database and queue. */
  readonly stores: WorkerStoresConfig | undefined;
  /** That of the MCP server's nodes: how often dead ones are looked for follows from it. */
  readonly nodeLeaseMs: number;
  readonly models: ModelsConfig;
  readonly embedding: {
    /** After so long documents whose vectors have not come are sent again: a message, or a worker, was lost. */
    readonly claimMs: number;
    /** How long a worker may be silent about an import before another takes it over. */
    readonly importLeaseMs: number;
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment.
 *
 * @throws AppError `invalid_argument`, reason `environment`, that lists every problem by variable.
 */
export function readEnv(env: Environment, { ownStores = false }: ReadEnvOptions = {}): WorkerEnv {
  const reader = envReader(env);
  const raw: WorkerEnv = {
    ...readServiceEnv(reader, { portVariable: "DEVMESH_WORKER_PORT", defaultPort: 8082, ownStores }),
    awsEndpoint: reader.url("DEVMESH_AWS_ENDPOINT", undefined, { protocols: ["http", "https"] }),
    awsRegion: reader.string("AWS_REGION", "us-east-1"),
    tasksQueueUrl: reader.url("DEVMESH_QUEUE_TASKS_URL", undefined, { protocols: ["http", "https"] }),
    tasksDeadLetterUrl: reader.url("DEVMESH_QUEUE_TASKS_DLQ_URL", undefined, { protocols: ["http", "https"] }),
    embeddingsQueueUrl: reader.url("DEVMESH_QUEUE_EMBEDDINGS_URL", undefined, { protocols: ["http", "https"] }),
    embeddingsDeadLetterUrl: reader.url("DEVMESH_QUEUE_EMBEDDINGS_DLQ_URL", undefined, {
      protocols: ["http", "https"],
    }),
    embeddingClaimMs: reader.int("DEVMESH_EMBEDDING_CLAIM_MS", 600_000, { min: 1_000, max: 86_400_000 }),
    importLeaseMs: reader.int("DEVMESH_IMPORT_LEASE_MS", 60_000, { min: 1_000, max: 3_600_000 }),
    models: readModelsEnv(reader),
    objects: readObjectsEnv(reader),
    nodeLeaseMs: reader.int("DEVMESH_NODE_LEASE_MS", defaultNodeLeaseMs, { min: 300, max: 600_000 }),
  };
  if (ownStores && raw.awsEndpoint === undefined) {
    const queueUrls = {
      DEVMESH_QUEUE_TASKS_URL: raw.tasksQueueUrl,
      DEVMESH_QUEUE_EMBEDDINGS_URL: raw.embeddingsQueueUrl,
    };
    for (const [name, url] of Object.entries(queueUrls)) {
      if (url === undefined) reader.refuse(name, "is required where DEVMESH_AWS_ENDPOINT is not given");
    }
  }
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: WorkerEnv): WorkerConfig {
  const stores = toStoresConfig(raw);
  const sqs = { region: raw.awsRegion, endpoint: raw.awsEndpoint };
  const tasksQueue = { ...sqs, queueUrl: raw.tasksQueueUrl, deadLetterUrl: raw.tasksDeadLetterUrl };
  const embeddingsQueue = { ...sqs, queueUrl: raw.embeddingsQueueUrl, deadLetterUrl: raw.embeddingsDeadLetterUrl };
  return {
    ...toServiceConfig(raw),
    stores: stores && { ...stores, tasksQueue, embeddingsQueue, objects: toObjectsConfig(raw.objects) },
    models: toModelsConfig(raw.models),
    nodeLeaseMs: raw.nodeLeaseMs,
    embedding: { claimMs: raw.embeddingClaimMs, importLeaseMs: raw.importLeaseMs },
  };
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

/** Reads what making a key needs. @throws AppError `invalid_argument` that lists all problems by name. */
export function readKeyEnv(env: Environment): { readonly databaseUrl: Secret; readonly pepper: Secret } {
  const reader = envReader(env);
  const raw = {
    databaseUrl: reader.secretUrl("DEVMESH_DATABASE_URL", required, postgresUrls),
    pepper: reader.secret("DEVMESH_PEPPER", required, { minLength: 16 }),
  };
  reader.done();
  return raw;
}
