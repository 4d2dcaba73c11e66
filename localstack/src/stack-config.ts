import { type McpConfig, readEnv as readMcpEnv, toConfig as toMcpConfig } from "@devmesh/mcp-server/config";
import { AppError, type FieldProblem } from "@devmesh/models";
import { type LogLevel, logLevels } from "@devmesh/observability";
import { type RestConfig, readEnv as readRestEnv, toConfig as toRestConfig } from "@devmesh/rest-api/config";
import { envReader } from "@devmesh/runtime";
import { readEnv as readWorkerEnv, toConfig as toWorkerConfig, type WorkerConfig } from "@devmesh/worker/config";
import type { Secrets } from "./first-start.ts";

/** How the three services and the stand-ins run in one process. */
export interface StackConfig {
  readonly rest: RestConfig;
  readonly mcp: McpConfig;
  readonly worker: WorkerConfig;
  readonly awsPort: number;
  readonly logLevel: LogLevel;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** All must be over within 10 s of Ctrl-C. */
const shutdownMs = "8000";

/** What belongs to the distributed mode, and is the embedded stack's own affair. */
const ownAffairs = {
  DEVMESH_DATABASE_URL: undefined,
  DEVMESH_REDIS_URL: undefined,
  DEVMESH_AWS_ENDPOINT: undefined,
  DEVMESH_QUEUE_TASKS_URL: undefined,
  DEVMESH_QUEUE_EMBEDDINGS_URL: undefined,
  DEVMESH_SHUTDOWN_MS: shutdownMs,
};

/** Tool servers of this machine may be called. Which programs are started is for its owner to say. */
const ownTools = { DEVMESH_TOOL_ALLOW_HTTP: "true", DEVMESH_TOOL_ALLOW_LOOPBACK: "true" };

/**
 * Reads the environment for all of the stack.
 *
 * @throws AppError `invalid_argument`, reason `environment`, that lists every problem of any part once.
 */
export function readStackConfig(env: Environment, secrets: Pick<Secrets, "pepper" | "toolsKey">): StackConfig {
  const problems = new Map<string, string>();
  const own: Environment = {
    DEVMESH_LOG_LEVEL: "warn",
    ...ownTools,
    ...withoutEmpty(env),
    ...ownAffairs,
    DEVMESH_PEPPER: secrets.pepper,
    // a key that is given seals from then on; what the own one has sealed can still be read
    DEVMESH_TOOL_SECRETS_KEY: [...toList(env["DEVMESH_TOOL_SECRETS_KEY"]), `home:${secrets.toolsKey}`].join(","),
  };
  const rest = collect(problems, () => toRestConfig(readRestEnv(own)));
  const mcp = collect(problems, () => toMcpConfig(readMcpEnv(own)));
  const worker = collect(problems, () => toWorkerConfig(readWorkerEnv(own)));
  const stack = collect(problems, () => {
    const reader = envReader(own);
    const raw = {
      awsPort: reader.int("DEVMESH_AWS_PORT", 4566, { min: 0, max: 65_535 }),
      logLevel: reader.oneOf("DEVMESH_LOG_LEVEL", "warn", logLevels),
    };
    reader.done();
    return raw;
  });
  if (rest === undefined || mcp === undefined || worker === undefined || stack === undefined) throw toError(problems);
  return { rest, mcp, worker, ...stack };
}

function toList(given = ""): readonly string[] {
  return given.trim() === "" ? [] : [given];
}

function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ""));
}

function collect<T>(problems: Map<string, string>, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AppError) || !Array.isArray(error.details)) throw error;
    for (const { path, message } of error.details as readonly FieldProblem[]) problems.set(path, message);
    return undefined;
  }
}

function toError(problems: ReadonlyMap<string, string>): AppError {
  const listed = [...problems].map(([name, message]) => `${name} ${message}`).join("; ");
  return new AppError("invalid_argument", `environment: ${listed}`, {
    reason: "environment",
    details: [...problems].map(([path, message]) => ({ path, message })),
  });
}
