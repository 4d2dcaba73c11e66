import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { memoryFanOut, memoryPresence, openObjects } from "@devmesh/adapters";
import { runService as runMcpServer } from "@devmesh/mcp-server/service";
import { createLogger, type Logger } from "@devmesh/observability";
import { lockFolder, migrate, openPglite } from "@devmesh/repositories";
import { runService as runRestApi } from "@devmesh/rest-api/service";
import { createUuidV7, type ModelsConfig } from "@devmesh/runtime";
import { openEmbeddingsQueue, openTasksQueue } from "@devmesh/worker/queues";
import { runService as runWorker } from "@devmesh/worker/service";
import { startAwsStandIn } from "./aws-stand-in.ts";
import { checkPorts } from "./check-ports.ts";
import { keepSecrets, prepareTenant } from "./first-start.ts";
import { type LocalMesh, removeLocalFile } from "./local-file.ts";
import { runTogether } from "./run-together.ts";
import { readStackConfig, type StackConfig } from "./stack-config.ts";

/** What the embedded stack is made of. */
export interface EmbeddedOptions {
  /** The folder that everything is kept in; made if need be. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs while the mesh is up. The mesh stops when it returns, which it does once its signal has aborted. */
  readonly work: (mesh: EmbeddedMesh, signal: AbortSignal) => Promise<void>;
}

/** What runs, a key of kind `agt` for agents of its own, and who embeds. */
export interface EmbeddedMesh extends LocalMesh {
  readonly agentKey: string;
  readonly models: ModelsConfig;
}

const region = "us-east-1";
const contextsBucket = "devmesh-contexts";

/**
 * Runs the three services in this process on an embedded database, queue and fan-out, until `signal` aborts.
 *
 * @throws AppError `failed_precondition` for a folder in use and a taken port; `invalid_argument` for the environment.
 */
export async function runEmbedded({ home, env, work }: EmbeddedOptions, signal: AbortSignal): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await using _lock = await lockFolder(home);
  await removeLocalFile(home);
  const secrets = await keepSecrets(home);
  const config = readStackConfig(env, secrets);
  await checkPorts(toPorts(config));

  // Ctrl-C may come before anything is up: nothing more is opened then
  if (signal.aborted) return;
  const dataDir = join(home, "database");
  await mkdir(dataDir, { recursive: true });
  await using database = await openPglite({ dataDir });
  await migrate(database);
  await prepareTenant(database, secrets, createUuidV7());
  if (signal.aborted) return;
  await using aws = await startAwsStandIn({ port: config.awsPort, dataDir: join(home, "aws") });
  await using fanOut = memoryFanOut();
  await using presence = memoryPresence(() => performance.now());
  const queues = { region, endpoint: aws.endpoint, queueUrl: undefined, deadLetterUrl: undefined };
  await using objects = openObjects({ bucket: contextsBucket, region, endpoint: aws.endpoint });
  using tasksQueue = openTasksQueue(queues);
  using embeddingsQueue = openEmbeddingsQueue(queues);

  const shared = { database, fanOut };
  const loggerOf = (service: string): Logger => createLogger({ level: config.logLevel, service, pretty: true });
  await runTogether(
    {
      rest: (end, onReady) =>
        runRestApi(config.rest, end, {
          ...shared,
          objects,
          logger: loggerOf("rest-api"),
          onReady: ({ port }) => onReady(port),
        }),
      mcp: (end, onReady) =>
        runMcpServer(config.mcp, end, {
          ...shared,
          presence,
          objects,
          logger: loggerOf("mcp-server"),
          onReady: ({ port }) => onReady(port),
        }),
      worker: (end, onReady) =>
        runWorker(config.worker, end, {
          ...shared,
          presence,
          tasksQueue,
          embeddingsQueue,
          objects,
          logger: loggerOf("worker"),
          onReady: ({ port }) => onReady(port),
        }),
    },
    {
      signal,
      work: (ports, end) =>
        work(
          { ...toLocalMesh(config, ports, secrets.apiKey), agentKey: secrets.agentKey, models: config.rest.models },
          end,
        ),
    },
  );
}

function toPorts({ rest, mcp, worker, awsPort }: StackConfig): Parameters<typeof checkPorts>[0] {
  return [
    { variable: "DEVMESH_REST_PORT", ...rest.http },
    { variable: "DEVMESH_MCP_PORT", ...mcp.http },
    { variable: "DEVMESH_WORKER_PORT", ...worker.http },
    { variable: "DEVMESH_AWS_PORT", host: "127.0.0.1", port: awsPort },
  ];
}

function toLocalMesh(
  { rest, mcp }: StackConfig,
  ports: Readonly<Record<"rest" | "mcp", number>>,
  apiKey: string,
): LocalMesh {
  return {
    restUrl: `http://${toUrlHost(rest.http.host)}:${ports.rest}`,
    wsUrl: `ws://${toUrlHost(mcp.http.host)}:${ports.mcp}/ws`,
    mcpUrl: `http://${toUrlHost(mcp.http.host)}:${ports.mcp}/mcp`,
    apiKey,
    pid: process.pid,
  };
}

/** Whoever listens everywhere is reached at home. */
function toUrlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
