import { once } from "node:events";
import { createHints, type FanOut, type Hints, type Objects } from "@devmesh/adapters";
import { type ConnectionRef, tellOfAgents } from "@devmesh/agents";
import { type Authenticator, createAuthenticator } from "@devmesh/auth";
import { openTools } from "@devmesh/gateway";
import { type CreateKnowledgeOptions, createContexts, createKnowledge } from "@devmesh/memory";
import { createMetrics, type Logger, type Metrics } from "@devmesh/observability";
import {
  agentMetricsRepository,
  agentRepository,
  attentionReads,
  budgetRepository,
  type Database,
  deadLetterReads,
  deadLetterWrites,
  importJobs,
  keyRepository,
  ledgerStore,
  limitRepository,
  redriveJobs,
  taskReads,
  usageRepository,
} from "@devmesh/repositories";
import {
  createRateLimiter,
  createTaskWaiters,
  createUuidV7,
  type HttpOptions,
  type HttpServer,
  monotonicClock,
  serveHttp,
} from "@devmesh/runtime";
import { createTaskEngine, openOutputSchemas } from "@devmesh/tasks";
import { createApp } from "./app.ts";
import type { RestConfig } from "./config.ts";
import { openMemory } from "./open-memory.ts";
import { createRestHealth } from "./rest-health.ts";

/** What the service works on. Its caller opened it, may share it, and closes it. */
export interface RestResources {
  readonly database: Database;
  readonly fanOut: FanOut;
  /** Where contexts are kept; without it there are none. */
  readonly objects?: Objects | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
  /** Told where the API is served, when all is at work. */
  readonly onReady?: ((address: { readonly port: number }) => void) | undefined;
}

/** Requests that wait for tasks, and streams, together. A watch costs about a kilobyte, its connection some ten. */
const maxWatches = 10_000;
/** One tenant leaves half to the others. */
const maxTenantWatches = maxWatches / 2;
/** How often awaited tasks are looked at without a hint. */
const recheckMs = 2_000;
/** Proxies close what is silent for longer, 60 s as a rule. */
const keepAliveMs = 15_000;
/** What is left of the time to shut down after the responses in hand: for closing. */
const closingMs = 5_000;

/**
 * Runs the REST API until `signal` aborts. Then readiness goes false, no connection is accepted any more, what waits is
 * answered as things stand, and it resolves when the responses in hand are out.
 */
export async function runService(config: RestConfig, signal: AbortSignal, open: RestResources): Promise<void> {
  const { database, fanOut, logger, metrics = createMetrics("rest-api") } = open;
  const newId = createUuidV7();
  const reads = taskReads(database);
  const authenticator = createSignIn(config, database);
  const health = createRestHealth({ authenticator, database, fanOut, objects: open.objects, metrics, logger });
  await using hints = createHints(fanOut);
  const agents = tellOfAgents(agentRepository(database), () => hints.nudgeOutbox());
  await using outputSchemas = openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 1_000 });
  await using engine = createTaskEngine({
    store: ledgerStore(database, newId),
    hints: hints.engineHints,
    outputSchemas,
    newId,
    random: Math.random,
    now: monotonicClock,
    ...config.tasks,
    onError: (err) => logger.warn({ err }, "assignment round failed"),
  });
  await using waiters = createTaskWaiters({ reads, logger, maxWatches, maxTenantWatches, recheckMs });
  metrics.gauge({ name: "devmesh_task_watches", help: "Requests that wait for tasks", read: () => waiters.size });
  await hints.onTaskChanges((refs) => waiters.onChanged(refs));
  await using memory = openMemory({
    config,
    database,
    metrics,
    newId,
    nudgeEmbeddings: () => hints.nudgeEmbeddings(),
  });
  await hints.onCollectionsChanged((refs) => memory.collectionWaiters.onChanged(refs));
  await using tools = await openTools({
    config: config.tools,
    database,
    newId,
    logger,
    metrics,
    onToolsChanged: (tenantId) => hints.mcpChanged([{ tenantId, list: "tools" }]),
  });
  const app = createApp({
    ...memory,
    ...tools,
    ...createContexts({ database, memory, objects: open.objects }),
    ...createKnowledge({ database, memory, logger, ...tellsOf(hints) }),
    ...storesOf(database),
    engine,
    reads,
    agents,
    findConnection: agents.connectionOf,
    onRedrive: countRedrives(metrics),
    ...nudgesOf(hints),
    waiters,
    keepAliveMs,
    logger,
    authenticator,
    health,
    metrics,
    stopping: signal,
    rateLimiter: config.rateLimit && createRateLimiter({ ...config.rateLimit, now: () => performance.now() }),
  });
  // the last to open is the first to close: connections end before anything that they stand on
  await using http = await serve(config, app.fetch);
  signal.addEventListener("abort", health.setDraining, { once: true });

  open.onReady?.({ port: http.port });
  logger.info({ port: http.port }, "rest-api is ready");
  if (!signal.aborted) await once(signal, "abort");
}

function serve({ http, shutdownMs }: RestConfig, fetch: HttpOptions["fetch"]): Promise<HttpServer> {
  return serveHttp({
    fetch,
    hostname: http.host,
    port: http.port,
    portVariable: "DEVMESH_REST_PORT",
    graceMs: Math.max(1_000, shutdownMs - closingMs),
  });
}

/** What routes read and write without a rule between. */
function storesOf(database: Database) {
  return {
    attention: attentionReads(database),
    limits: limitRepository(database),
    budgets: budgetRepository(database),
    usage: usageRepository(database),
    agentMetrics: agentMetricsRepository(database),
    deadLetters: deadLetterReads(database),
    deadLetterWrites: deadLetterWrites(database),
    redriveJobs: redriveJobs(database),
    imports: importJobs(database),
  };
}

/** What changes of knowledge tell others. */
function tellsOf(hints: Pick<Hints, "entriesChanged">): Pick<CreateKnowledgeOptions, "tellChanged"> {
  return { tellChanged: (tenantId, entryId) => hints.entriesChanged([{ tenantId, entryId }]) };
}

/** What routes tell others. */
function nudgesOf(hints: Hints) {
  return {
    nudgeOutbox: () => hints.nudgeOutbox(),
    nudgeContexts: () => hints.nudgeContexts(),
    nudgeRedrives: () => hints.nudgeRedrives(),
    nudgeImports: () => hints.nudgeImports(),
    closeConnection: ({ nodeId, connectionId }: ConnectionRef, code: number, reason: string) =>
      hints.closeConnection(nodeId, connectionId, code, reason),
  };
}

function countRedrives(metrics: Metrics): (outcome: "redriven" | "refused") => void {
  const counter = metrics.counter({
    name: "devmesh_redrives_total",
    help: "redrives of tasks on demand, and refused ones",
    labels: ["outcome"] as const,
  });
  return (outcome) => counter.inc({ outcome });
}

function createSignIn(config: RestConfig, database: Database): Authenticator {
  const keys = keyRepository(database);
  return createAuthenticator({
    findKeyByHash: (hash) => keys.findByHash(hash),
    pepper: config.pepper.reveal(),
    now: monotonicClock,
  });
}
