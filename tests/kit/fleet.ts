import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApiKey, defaultScopesOf, displayOf, hashApiKey } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { keyRepository, migrate, openPostgres } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import {
  findFreePort,
  type NativeServices,
  type ServiceProcess,
  startProcess,
  startServices,
  waitFor,
} from "@devmesh/testing";
import { startFauxqs } from "fauxqs";

/** Times that make a fault's consequences come in seconds. */
const quickTimes = {
  DEVMESH_HEARTBEAT_MS: "1000",
  DEVMESH_LEASE_MS: "3000",
  DEVMESH_ACCEPT_MS: "2000",
  DEVMESH_PULL_PRESENCE_MS: "2000",
};

const root = fileURLToPath(new URL("../..", import.meta.url));

export type ServiceName = "mcp-server" | "rest-api" | "worker";

/** A service as a process that can be killed and started again on the same port. */
export interface FleetService {
  readonly url: string;
  readonly process: ServiceProcess;
  /** With `env` beside what it always has. */
  start(env?: Environment): Promise<void>;
  /** SIGTERM, and its orderly end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The stand-in for SQS, which can be taken away and comes back as it was. */
export interface Queue {
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** The three services as processes on native Postgres, Valkey and the SQS stand-in. */
export interface Fleet extends AsyncDisposable {
  readonly apiKey: string;
  readonly tenantId: TenantId;
  readonly services: NativeServices;
  readonly queue: Queue;
  readonly rest: FleetService;
  readonly mcp: readonly FleetService[];
  readonly workers: readonly FleetService[];
  startAgent(name: string, node?: number): Promise<ServiceProcess>;
}

export interface FleetOptions {
  readonly mcpServers?: number;
  readonly workers?: number;
  readonly workMs?: number;
  /** False: the services are not told of Valkey. */
  readonly redis?: boolean;
  /** Whether Postgres writes through to the disk. False unless given. */
  readonly fsync?: boolean;
  /** Environment of the services that sets their times. */
  readonly times?: Readonly<Record<string, string>>;
  /** Environment of the services that names their models. */
  readonly models?: Readonly<Record<string, string>>;
  /** Puts something between the services and what they stand on. Called before they start. */
  readonly route?: (direct: Routes & { readonly services: NativeServices }) => Promise<Routes>;
}

/** Where the services find their database and their queue. */
export interface Routes {
  readonly databaseUrl: string;
  readonly queueUrl: string;
}

export async function openFleet(options: FleetOptions = {}): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const services = stack.adopt(await startServices({ fsync: options.fsync ?? false }), (running) => running.stop());
  const queue = await openQueue(stack);
  const pepper = randomBytes(24).toString("hex");
  const { apiKey, tenantId } = await prepareDatabase(services.databaseUrl, pepper);
  const direct: Routes = { databaseUrl: services.databaseUrl, queueUrl: queue.url };
  const routes = (await options.route?.({ ...direct, services })) ?? direct;
  const env = {
    ...(options.times ?? quickTimes),
    DEVMESH_DATABASE_URL: routes.databaseUrl,
    DEVMESH_REDIS_URL: options.redis === false ? undefined : services.redisUrl,
    DEVMESH_AWS_ENDPOINT: routes.queueUrl,
    DEVMESH_PEPPER: pepper,
    DEVMESH_LOG_LEVEL: "warn",
    DEVMESH_RATE_LIMIT_PER_SECOND: "0",
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    ...options.models,
  };
  const startAll = (name: ServiceName, count: number): Promise<FleetService[]> =>
    Promise.all(Array.from({ length: count }, async () => stack.use(await openService(name, env))));
  const [rest] = await startAll("rest-api", 1);
  const mcp = await startAll("mcp-server", options.mcpServers ?? 1);
  const workers = await startAll("worker", options.workers ?? 1);
  if (rest === undefined) throw new Error("no rest-api");
  const owned = stack.move();
  return {
    apiKey,
    tenantId,
    services,
    queue,
    rest,
    mcp,
    workers,
    startAgent: async (name, node = 0) => {
      const url = mcp[node]?.url.replace("http", "ws") ?? "";
      return owned.use(await startLoadAgent({ name, apiKey, url: `${url}/ws`, workMs: options.workMs ?? 20 }));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const ports: Readonly<Record<ServiceName, string>> = {
  "mcp-server": "DEVMESH_MCP_PORT",
  "rest-api": "DEVMESH_REST_PORT",
  worker: "DEVMESH_WORKER_PORT",
};

async function openService(name: ServiceName, env: Environment): Promise<FleetService & AsyncDisposable> {
  let port = await findFreePort();
  let url = `http://127.0.0.1:${port}`;
  let running: ServiceProcess;
  const launch = async (more: Environment = {}): Promise<ServiceProcess> => {
    const main = join(root, "apps", name, "src", "main.ts");
    const started = await startProcess(process.execPath, ["--conditions=devmesh-source", main], {
      env: { ...env, ...more, [ports[name]]: String(port) },
    });
    running = started;
    await waitUntilReady(url, started);
    return started;
  };
  const launchAnywhere = async (): Promise<ServiceProcess> => {
    for (let tries = 1; ; tries++) {
      try {
        return await launch();
      } catch (error) {
        // free a moment ago, and taken meanwhile
        if (tries === 5 || !String(error).includes("is in use")) throw error;
        port = await findFreePort();
        url = `http://127.0.0.1:${port}`;
      }
    }
  };
  running = await launchAnywhere();
  return {
    url,
    get process() {
      return running;
    },
    start: async (more) => {
      await launch(more);
    },
    stop: async () => {
      await running.stop({ timeoutMs: 30_000 });
    },
    kill: async () => {
      await running.kill();
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function waitUntilReady(url: string, started: ServiceProcess): Promise<void> {
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const isReady = async (): Promise<boolean> => {
    if (ended) return true;
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    return response.ok;
  };
  try {
    await waitFor(isReady, { timeoutMs: 60_000, what: `${url}/readyz` });
  } catch (error) {
    throw new Error(`a service did not become ready:\n${started.output()}`, { cause: error });
  }
  if (ended) throw new Error(`a service ended at its start:\n${started.output()}`);
}

async function startLoadAgent(agent: {
  readonly name: string;
  readonly apiKey: string;
  readonly url: string;
  readonly workMs: number;
}): Promise<ServiceProcess> {
  const file = fileURLToPath(new URL("./load-agent.ts", import.meta.url));
  const started = await startProcess(process.execPath, ["--conditions=devmesh-source", file], {
    env: {
      DEVMESH_WS_URL: agent.url,
      DEVMESH_API_KEY: agent.apiKey,
      DEVMESH_AGENT_NAME: agent.name,
      DEVMESH_WORK_MS: String(agent.workMs),
    },
  });
  await started.waitForLine(/agent is ready/);
  return started;
}

async function openQueue(stack: AsyncDisposableStack): Promise<Queue & { readonly url: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), "devmesh-queue-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const port = await findFreePort();
  const launch = (): ReturnType<typeof startFauxqs> => startFauxqs({ port, logger: false, dataDir });
  let running: Awaited<ReturnType<typeof startFauxqs>> | undefined = await launch();
  const stop = async (): Promise<void> => {
    const old = running;
    running = undefined;
    await old?.stop();
  };
  stack.defer(stop);
  return {
    url: `http://127.0.0.1:${port}`,
    stop,
    start: async () => {
      running = await launch();
    },
  };
}

async function prepareDatabase(url: string, pepper: string): Promise<{ apiKey: string; tenantId: TenantId }> {
  await using database = openPostgres({ url });
  await migrate(database);
  const newId = createUuidV7();
  const tenantId = newId() as TenantId;
  const keys = keyRepository(database);
  const apiKey = createApiKey("svc", randomBytes);
  await keys.createTenant({ id: tenantId, name: "faults" });
  await keys.create({
    tenantId,
    id: newId() as ApiKeyId,
    kind: "svc",
    name: "load",
    hash: hashApiKey(apiKey, pepper),
    display: displayOf(apiKey),
    scopes: ["admin", ...defaultScopesOf("agt")],
  });
  return { apiKey, tenantId };
}
