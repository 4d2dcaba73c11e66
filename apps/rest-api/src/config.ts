import {
  envReader,
  type ReadEnvOptions,
  readServiceEnv,
  type ServiceConfig,
  type ServiceEnv,
  type StoresConfig,
  toServiceConfig,
  toStoresConfig,
} from "@devmesh/runtime";

/** What the environment says, typed; durations in milliseconds. */
export interface RestEnv extends ServiceEnv {
  /** 0 turns it off. */
  readonly rateLimitPerSecond: number;
}

/** How the REST service runs. What it opens itself, in `main.ts`, is under `stores`. */
export interface RestConfig extends ServiceConfig {
  /** Undefined: off. */
  readonly rateLimit: { readonly perSecond: number; readonly burst: number } | undefined;
  /** Undefined where the caller brings the database. */
  readonly stores: StoresConfig | undefined;
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
    rateLimitPerSecond: reader.int("DEVMESH_RATE_LIMIT_PER_SECOND", 2_000, { min: 0, max: 1_000_000 }),
  };
  reader.done();
  return raw;
}

/** Gives the configuration its shape. */
export function toConfig(raw: RestEnv): RestConfig {
  const { rateLimitPerSecond: perSecond } = raw;
  return {
    ...toServiceConfig(raw),
    rateLimit: perSecond === 0 ? undefined : { perSecond, burst: perSecond * 2 },
    stores: toStoresConfig(raw),
  };
}
