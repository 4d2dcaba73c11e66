import { once } from "node:events";
import {
  createHints,
  type FanOut,
  type Hints,
  type Objects,
  type Presence,
  type SessionStore,
} from "@devmesh/adapters";
import { tellOfAgents } from "@devmesh/agents";
import { openTools, type Tools } from "@devmesh/gateway";
import type { NewId, NodeId, TenantId } from "@devmesh/models";
import { createMetrics, type Logger, type Metrics } from "@devmesh/observability";
import {
  agentRepository,
  type Database,
  deliveryRepository,
  eventRepository,
  findWaitingToolAgents,
  ledgerStore,
  messageRepository,
  nodeRepository,
  pullRepository,
  subscriptionRepository,
  taskReads,
  toolInputs,
  usageRepository,
} from "@devmesh/repositories";
import { createTaskWaiters, createUuidV7, monotonicClock, serveHttp, type TaskWaiters } from "@devmesh/runtime";
import {
  createTaskEngine,
  type LedgerStore,
  type OutputSchemas,
  openOutputSchemas,
  type TaskEngine,
} from "@devmesh/tasks";
import { openA2a } from "./a2a/open-a2a.ts";
import { type AgentServer, startAgentServer } from "./agent-server.ts";
import type { McpConfig } from "./config.ts";
import { createTellNodes, type TellNodes, withLocalDelivery } from "./delivery/local-hints.ts";
import { createMessenger, type Messenger } from "./delivery/messenger.ts";
import { gatherReads } from "./gather-reads.ts";
import { type Door, openDoor } from "./http/open-door.ts";
import { maxTaskWatches } from "./limits.ts";
import { openMcp } from "./mcp/open-mcp.ts";
import { openMemory } from "./mcp/open-memory.ts";
import { createMailWaiters, type MailWaiters } from "./mcp/tools/messages/mail-waiters.ts";
import { createNodeHealth } from "./node-health.ts";
import type { ServerStores } from "./stores.ts";
import { type Authenticators, createAuthenticators } from "./upgrade/authenticators.ts";

/** What the MCP server works on. Its caller opened it, may share it, and closes it. */
export interface McpResources {
  readonly database: Database;
  readonly fanOut: FanOut;
  /** Where the node says that it lives, beside its lease in the database. */
  readonly presence?: Presence | undefined;
  /** Where sessions of MCP's older generation are kept, if not by this node alone. */
  readonly sessions?: SessionStore | undefined;
  /** Where contexts are kept; without it there are none. */
  readonly objects?: Objects | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
  /** Told the address when agents may connect. */
  readonly onReady?: ((address: { readonly port: number; readonly nodeId: NodeId }) => void) | undefined;
}

/** How long before the deadline of a shutdown all must be closed. */
const reserveMs = 5_000;

/**
 * Runs one node of the MCP server until `signal` aborts: agents connect to it over the binary WebSocket. Resolves when
 * every connection has been told goodbye and what was in hand is finished.
 */
export async function runService(config: McpConfig, signal: AbortSignal, open: McpResources): Promise<void> {
  const { database, logger } = open;
  const metrics = open.metrics ?? createMetrics("mcp-server");
  const newId = createUuidV7();
  const nodeId = newId() as NodeId;
  const authenticators = createAuthenticators(database, { ...config, ...config.intervals });
  await using hints = createHints(open.fanOut);
  await using outputSchemas = openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 1_000 });
  // nothing is assigned or sent before the server below has started
  const tellNodes = createTellNodes(hints.engineHints, nodeId, (agents) => server.deliver(agents));
  const ledger = ledgerStore(database, newId);
  const parts = { ...open, ...authenticators, metrics, newId, nodeId, ledger, hints };
  await using engine = createNodeEngine(config, { ...parts, outputSchemas, tellNodes });
  const stores = createStores(database, hints);
  const messenger = createNodeMessenger(parts, tellNodes);
  const mailWaiters = createMailWaiters();
  await using server: AgentServer = await startSockets(config, { ...parts, stores, engine, messenger });
  await using waiters = createNodeWaiters(config, stores.taskReads, parts);
  await hearHints({ hints, nodeId, server, engine, mailWaiters, waiters });
  await using memory = openMemory(config, parts);
  await using tools = await openNodeTools(config, parts);
  await using door = openNodeDoor(config, parts);
  const doors = {
    ...parts,
    ...stores,
    ...memory,
    ...tools,
    usage: usageRepository(database),
    config: { ...config.mcp, host: config.http.host },
    door,
    engine,
    messenger,
    mailWaiters,
    waiters,
    outputSchemas,
    inputs: toolInputs(database),
    findWaiting: (limit: number) => findWaitingToolAgents(database, limit),
    pull: pullRepository(database),
    presenceMs: config.presenceMs,
    leaseMs: config.tasks.leaseMs,
    nudgeOutbox: () => hints.nudgeOutbox(),
    closeConnection: hints.closeConnection,
    now: monotonicClock,
  };
  await using mcp = await openMcp(doors);
  const health = createNodeHealth(parts);
  health.app.route("/", mcp.app);
  health.app.route("/", openA2a({ ...doors, reads: stores.taskReads, stopping: signal }));
  await using http = await serveHttp({
    fetch: health.app.fetch,
    hostname: config.http.host,
    port: config.http.port,
    portVariable: "DEVMESH_MCP_PORT",
    graceMs: 2_000,
  });
  http.server.on("upgrade", (request, stream, head) => server.upgrader.handle(request, stream, head));

  open.onReady?.({ port: http.port, nodeId });
  logger.info({ port: http.port, nodeId }, "mcp server is ready");
  if (!signal.aborted) await once(signal, "abort");
  health.setDraining();
  engine.stopWaiting();
  mailWaiters.stopWaiting();
  const windows = toWindows(config.shutdownMs);
  await Promise.all([server.stop(windows), mcp.stop(windows.workMs)]);
}

function openNodeDoor(config: McpConfig, parts: NodeParts): Door {
  return openDoor({ ...parts, config: { ...config.mcp, host: config.http.host }, now: monotonicClock });
}

/** What most of a node is made of. */
interface NodeParts extends McpResources, Authenticators {
  readonly metrics: Metrics;
  readonly newId: NewId;
  readonly nodeId: NodeId;
  readonly ledger: LedgerStore;
  readonly hints: Hints;
}

function createNodeEngine(
  config: McpConfig,
  parts: NodeParts & { readonly outputSchemas: OutputSchemas; readonly tellNodes: TellNodes },
): TaskEngine {
  const { ledger, hints, tellNodes, outputSchemas, newId, nodeId, logger, metrics } = parts;
  const engine = createTaskEngine({
    store: ledger,
    hints: withLocalDelivery(hints.engineHints, tellNodes),
    outputSchemas,
    newId,
    random: Math.random,
    now: monotonicClock,
    nodeId,
    ...config.tasks,
    maxDepth: config.maxTaskDepth,
    onError: (err) => logger.warn({ err }, "assignment round failed"),
  });
  metrics.gauge({
    name: "devmesh_claims_open",
    help: "Claims of tasks under way, most of them waiting for one.",
    read: () => engine.openClaims,
  });
  return engine;
}

function createNodeWaiters(
  { intervals }: McpConfig,
  reads: Parameters<typeof createTaskWaiters>[0]["reads"],
  { logger, metrics }: Pick<NodeParts, "logger" | "metrics">,
): TaskWaiters {
  const waiters = createTaskWaiters({
    reads,
    logger,
    maxWatches: maxTaskWatches,
    // one tenant leaves half to the others
    maxTenantWatches: maxTaskWatches / 2,
    recheckMs: intervals.taskRecheckMs,
  });
  metrics.gauge({ name: "devmesh_task_watches", help: "Requests that wait for tasks", read: () => waiters.size });
  return waiters;
}

function openNodeTools({ tools }: McpConfig, { hints, ...parts }: NodeParts): Promise<Tools> {
  const onToolsChanged = (tenantId: TenantId): void => hints.mcpChanged([{ tenantId, list: "tools" }]);
  return openTools({ ...parts, config: tools, onToolsChanged });
}

/** Those who fetch their mail may wait for it at any node. */
function createNodeMessenger({ database, hints }: NodeParts, tellNodes: TellNodes): Messenger {
  return createMessenger(messageRepository(database), (receivers) => {
    tellNodes(receivers);
    hints.engineHints.mailed(receivers.filter(({ isPulling }) => isPulling === true));
  });
}

function startSockets(
  config: McpConfig,
  parts: NodeParts & {
    readonly stores: ServerStores;
    readonly engine: TaskEngine;
    readonly messenger: Messenger;
  },
): Promise<AgentServer> {
  const { stores, hints, presence, ...rest } = parts;
  return startAgentServer({
    ...rest,
    ...stores,
    heartbeatMs: config.heartbeatMs,
    intervals: config.intervals,
    connections: config.connections,
    presence,
    closeElsewhere: (...close) => hints.closeConnection(...close),
    random: Math.random,
    now: monotonicClock,
  });
}

interface Hearing {
  readonly hints: Hints;
  readonly nodeId: NodeId;
  readonly server: AgentServer;
  readonly engine: TaskEngine;
  readonly mailWaiters: MailWaiters;
  readonly waiters: TaskWaiters;
}

async function hearHints({ hints, nodeId, server, engine, mailWaiters, waiters }: Hearing): Promise<void> {
  await hints.onNode(nodeId, (hint) => {
    if ("deliver" in hint) {
      server.deliver(hint.deliver);
      mailWaiters.onMail(hint.deliver);
    } else server.close(hint.close.connectionId, hint.close.code, hint.close.reason);
  });
  await hints.onClaimable((scope) => engine.wakeClaims(scope));
  await hints.onEventsReadable((tenantIds) => server.wakeEvents(tenantIds));
  await hints.onTaskChanges((refs) => waiters.onChanged(refs));
}

function createStores(database: Database, hints: Pick<Hints, "nudgeOutbox">): ServerStores {
  return {
    agents: tellOfAgents(agentRepository(database), () => hints.nudgeOutbox()),
    nodes: nodeRepository(database),
    deliveries: deliveryRepository(database),
    taskReads: gatherReads(taskReads(database)),
    subscriptions: subscriptionRepository(database),
    events: eventRepository(database),
  };
}

/** How long work in hand may take, and closing after it. */
function toWindows(shutdownMs: number): { readonly workMs: number; readonly closeMs: number } {
  const availableMs = Math.max(500, shutdownMs - reserveMs);
  return { workMs: availableMs * 0.6, closeMs: availableMs * 0.4 };
}
