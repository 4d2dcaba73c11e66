import {
  envReader,
  type ModelsConfig,
  type ModelsEnv,
  type ObjectsConfig,
  type ObjectsEnv,
  postgresUrls,
  type RateLimit,
  type ReadEnvOptions,
  readModelsEnv,
  readObjectsEnv,
  readRateLimit,
  readServiceEnv,
  readToolsEnv,
  required,
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

/** What the environment says, typed; durations in milliseconds. */
export interface RestEnv extends ServiceEnv {
  /** 0 turns it off. */
  readonly rateLimit: RateLimit | undefined;
  readonly models: ModelsEnv;
  readonly objects: ObjectsEnv;
  readonly tools: ToolsEnv;
}

/** How the REST service runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface RestConfig extends ServiceConfig {
  /** Undefined: off. */
  readonly rateLimit: RateLimit | undefined;
  readonly models: ModelsConfig;
  readonly tools: ToolsConfig;
  /** Undefined where the caller brings the database. */
  readonly stores: RestStoresConfig | undefined;
}

/** What a REST service of its own opens. */
export interface RestStoresConfig extends StoresConfig {
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
): RestEnv {
  const reader = envReader(env);
  const raw: RestEnv = {
    ...readServiceEnv(reader, { portVariable: "DEVMESH_REST_PORT", defaultPort: 8080, ownStores }),
    rateLimit: readRateLimit(reader),
    models: readModelsEnv(reader),
    objects: readObjectsEnv(reader),
    tools: readToolsEnv(reader),
  };
  reader.done();
  return raw;
}

/** Reads what sealing secrets anew needs. @throws AppError `invalid_argument` that lists all problems by name. */
export function readResealEnv(env: Readonly<Record<string, string | undefined>>): {
  readonly databaseUrl: Secret;
  readonly tools: ToolsConfig;
} {
  const reader = envReader(env);
  const databaseUrl = reader.secretUrl("DEVMESH_DATABASE_URL", required, postgresUrls);
  const tools = readToolsEnv(reader);
  reader.done();
  return { databaseUrl, tools: toToolsConfig(tools) };
}

/** Gives the configuration its shape. */
export function toConfig(raw: RestEnv): RestConfig {
  const stores = toStoresConfig(raw);
  return {
    ...toServiceConfig(raw),
    rateLimit: raw.rateLimit,
    models: toModelsConfig(raw.models),
    tools: toToolsConfig(raw.tools),
    stores: stores && { ...stores, objects: toObjectsConfig(raw.objects) },
  };
}
