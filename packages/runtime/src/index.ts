export { type Clock, monotonicClock, systemClock } from "./clock.ts";
export {
  type EnvReader,
  envReader,
  type IntBounds,
  type ListBounds,
  required,
  type StringBounds,
  type UrlBounds,
} from "./env-reader.ts";
export { createHealth, type Health, type HealthOptions } from "./health.ts";
export { errorResponse, httpStatusOf, requestIdOf } from "./http-error.ts";
export { type ModelsConfig, type ModelsEnv, readModelsEnv, toModelsConfig } from "./models-env.ts";
export { createNudge, type Nudge } from "./nudge.ts";
export { type ObjectsConfig, type ObjectsEnv, readObjectsEnv, toObjectsConfig } from "./objects-env.ts";
export type { Probe, ProbeResult } from "./probe.ts";
export {
  assertAllowed,
  createRateLimiter,
  type RateLimit,
  type RateLimiter,
  type RateLimitOptions,
  type RateLimitState,
  readRateLimit,
  setRateLimitHeaders,
} from "./rate-limit.ts";
export { type LoopOptions, runLoop } from "./run-loop.ts";
export { Secret } from "./secret.ts";
export { createSecretBox, type SecretBox, type SecretKey } from "./secret-box.ts";
export { type HttpOptions, type HttpServer, serveHttp } from "./serve-http.ts";
export {
  postgresUrls,
  type ReadEnvOptions,
  readServiceEnv,
  type ServiceConfig,
  type ServiceEnv,
  type ServiceEnvOptions,
  type StoresConfig,
  storesOf,
  toServiceConfig,
  toStoresConfig,
} from "./service-env.ts";
export { type ForceReason, type ShutdownOptions, type SignalSource, shutdownSignal } from "./shutdown-signal.ts";
export { sleep } from "./sleep.ts";
export { type FollowEventsOptions, followEvents } from "./task-waiters/follow-events.ts";
export { findStanding, type TaskStanding, type TaskStates } from "./task-waiters/task-standing.ts";
export { createTaskWaiters, type TaskWaiters, type TaskWatch } from "./task-waiters/task-waiters.ts";
export { waitForTask } from "./task-waiters/wait-for-task.ts";
export { toBody } from "./to-body.ts";
export { type ConfiguredKey, readToolsEnv, type ToolsConfig, type ToolsEnv, toToolsConfig } from "./tools-env.ts";
export { createUuidV7, type UuidV7Options } from "./uuid-v7.ts";
