// usage: pnpm dev
// Runs the three services as processes that reload when their sources change, on native PostgreSQL and Valkey and a
// stand-in for SQS and S3; migrates, and makes a tenant and a key. Data is kept in .services, URLs and key in
// .devmesh/dev/local.json. DEVMESH_DATABASE_URL and DEVMESH_REDIS_URL name services to use instead. Ctrl-C ends all.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  keepSecrets,
  type LocalMesh,
  localFile,
  prepareTenant,
  removeLocalFile,
  startAwsStandIn,
  writeLocalFile,
} from "../localstack/src/index.ts";
import { migrate, openPostgres } from "../packages/repositories/src/index.ts";
import { createUuidV7, envReader, shutdownSignal } from "../packages/runtime/src/index.ts";
import { startServices } from "../packages/testing/src/native-services.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const root = fileURLToPath(new URL("..", import.meta.url));
const home = `${root}.devmesh/dev`;
const servicesDir = `${root}.services`;
const names = ["rest-api", "mcp-server", "worker"] as const;
const colours = ["\u001b[36m", "\u001b[35m", "\u001b[33m"];
const stopMs = 30_000;

const signal = shutdownSignal({ deadlineMs: stopMs });
try {
  await run(readPorts(process.env));
  process.exit(0);
} catch (error) {
  console.error(`dev: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function readPorts(env: Environment): { readonly rest: number; readonly mcp: number; readonly aws: number } {
  const read = envReader(env);
  const portOf = (name: string, fallback: number): number => read.int(name, fallback, { min: 1, max: 65_535 });
  const ports = {
    rest: portOf("DEVMESH_REST_PORT", 8080),
    mcp: portOf("DEVMESH_MCP_PORT", 8081),
    aws: portOf("DEVMESH_AWS_PORT", 4566),
  };
  read.done();
  return ports;
}

async function run(ports: ReturnType<typeof readPorts>): Promise<void> {
  await Promise.all([home, servicesDir].map((folder) => mkdir(folder, { recursive: true })));
  const { DEVMESH_DATABASE_URL: givenDatabase, DEVMESH_REDIS_URL: givenRedis } = process.env;
  const isComplete = givenDatabase !== undefined && givenRedis !== undefined;
  await using native = isComplete ? undefined : await startServices({ dir: servicesDir });
  const databaseUrl = givenDatabase ?? native?.databaseUrl ?? "";
  await using aws = await startAwsStandIn({ port: ports.aws, dataDir: `${servicesDir}/aws` });
  const secrets = await keepSecrets(home);
  await prepareDatabase(databaseUrl, secrets);

  const env: Environment = {
    ...process.env,
    DEVMESH_DATABASE_URL: databaseUrl,
    DEVMESH_REDIS_URL: givenRedis ?? native?.redisUrl,
    DEVMESH_AWS_ENDPOINT: aws.endpoint,
    DEVMESH_PEPPER: secrets.pepper,
  };
  const children = names.map((name, index) => startService(name, colours[index] ?? "", env));
  await writeLocalFile(home, toLocalMesh(ports, secrets.apiKey));
  console.log(`dev: PostgreSQL at ${databaseUrl}, API at http://127.0.0.1:${ports.rest}, key in ${localFile(home)}`);
  if (!signal.aborted) await once(signal, "abort");
  await removeLocalFile(home);
  await Promise.all(children.map(stopService));
}

async function prepareDatabase(url: string, secrets: Parameters<typeof prepareTenant>[1]): Promise<void> {
  await using database = openPostgres({ url, applicationName: "devmesh-dev" });
  await migrate(database);
  await prepareTenant(database, secrets, createUuidV7());
}

function toLocalMesh(ports: ReturnType<typeof readPorts>, apiKey: string): LocalMesh {
  return {
    restUrl: `http://127.0.0.1:${ports.rest}`,
    wsUrl: `ws://127.0.0.1:${ports.mcp}/ws`,
    mcpUrl: `http://127.0.0.1:${ports.mcp}/mcp`,
    apiKey,
    pid: process.pid,
  };
}

/** In a process group of its own: Ctrl-C is this script's affair. */
function startService(name: string, colour: string, env: Environment): ChildProcess {
  const flags = [
    "--watch",
    "--watch-preserve-output",
    "--conditions=devmesh-source",
    "--disable-warning=ExperimentalWarning",
  ];
  const child = spawn(process.execPath, [...flags, `apps/${name}/src/main.ts`], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const prefix = `${colour}${name.padEnd(10)}\u001b[0m `;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => console.log(prefix + line));
  }
  return child;
}

async function stopService(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
