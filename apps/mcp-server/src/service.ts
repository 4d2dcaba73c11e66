import { once } from "node:events";
import { createHints } from "@devmesh/adapters";
import { openTools, type Tools } from "@devmesh/gateway";
import type { NodeId, TenantId } from "@devmesh/models";
import { createMetrics, type Metrics } from "@devmesh/observability";
import { findWaitingToolAgents, pullRepository, toolInputs, usageRepository } from "@devmesh/repositories";
import { type HttpOptions, type HttpServer, serveHttp } from "@devmesh/runtime";
import { openOutputSchemas, type TaskEngine } from "@devmesh/tasks";
import { openA2a } from "./a2a/open-a2a.ts";
import { type AgentServer, type StopWindows, startAgentServer } from "./agent-server.ts";
import type { McpConfig } from "./config.ts";
import { hearHints } from "./delivery/hear-hints.ts";
import { createTellNodes } from "./delivery/local-hints.ts";
import { createMailWaiters } from "./delivery/mail-waiters.ts";
import type { Messenger } from "./delivery/messenger.ts";
import { openDoor } from "./http/open-door.ts";
import { openMcp } from "./mcp/open-mcp.ts";
import { openMemory } from "./mcp/open-memory.ts";
import { createNodeHealth } from "./node-health.ts";
import {
  createNodeEngine,
  createNodeMessenger,
  createNodeParts,
  createNodeWaiters,
  type NodeParts,
  type NodeResources,
} from "./node-parts.ts";

/** What the MCP server works on. Its caller opened it, may share it, and closes it. */
export interface McpResources extends NodeResources {
  readonly metrics?: Metrics | undefined;
  /** Told the address when agents may connect. */
  readonly onReady?: ((address: { readonly port: number; readonly nodeId: NodeId }) => void) | undefined;
}

/** How long before the deadline of a shutdown all must be closed. */
const reserveMs = 5_000;

/**
 * Runs one node of the MCP server until `signal` aborts: agents come to it over the binary WebSocket, MCP and A2A. Resolves
 * when every connection has been told goodbye and what was in hand is finished.
 */
export async function runService(config: McpConfig, signal: AbortSignal, open: McpResources): Promise<void> {
  await using hints = createHints(open.fanOut);
  await using outputSchemas = openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 1_000 });
  const metrics = open.metrics ?? createMetrics("mcp-server");
  const parts = createNodeParts(config, { ...open, metrics, hints, outputSchemas });
  const { nodeId, logger } = parts;
  // nothing is assigned or sent before the server below has started
  const tellNodes = createTellNodes(hints.engineHints, nodeId, (agents) => server.deliver(agents));
  await using engine = createNodeEngine(config, parts, tellNodes);
  const messenger = createNodeMessenger(parts, tellNodes);
  const mailWaiters = createMailWaiters();
  await using server: AgentServer = await startSockets(config, { ...parts, engine, messenger });
  await using waiters = createNodeWaiters(config, parts);
  await hearHints({ hints, nodeId, server, engine, mailWaiters, waiters });
  await using memory = openMemory(config, parts);
  await using tools = await openNodeTools(config, parts);
  const doorConfig = { ...config.mcp, host: config.http.host };
  await using door = openDoor({ ...parts, config: doorConfig });
  const doors = {
    ...toDoorDeps(config, parts),
    ...memory,
    ...tools,
    config: doorConfig,
    door,
    engine,
    messenger,
    mailWaiters,
    waiters,
  };
  await using mcp = await openMcp(doors);
  const health = createNodeHealth(parts);
  health.app.route("/", mcp.app);
  health.app.route("/", openA2a({ ...doors, reads: parts.taskReads, stopping: signal }));
  await using http = await listen(config, health.app.fetch, server);
  open.onReady?.({ port: http.port, nodeId });
  logger.info({ port: http.port, nodeId }, "mcp server is ready");
  if (!signal.aborted) await once(signal, "abort");
  health.setDraining();
  engine.stopWaiting();
  mailWaiters.stopWaiting();
  const windows = toWindows(config.shutdownMs);
  await Promise.all([server.stop(windows), mcp.stop(windows.workMs)]);
}

function startSockets(
  { heartbeatMs, intervals, connections }: McpConfig,
  parts: NodeParts & { readonly engine: TaskEngine; readonly messenger: Messenger },
): Promise<AgentServer> {
  return startAgentServer({
    ...parts,
    heartbeatMs,
    intervals,
    connections,
    presence: parts.presence,
    closeElsewhere: (...close) => parts.hints.closeConnection(...close),
    random: Math.random,
  });
}

function openNodeTools({ tools }: McpConfig, { hints, ...parts }: NodeParts): Promise<Tools> {
  const onToolsChanged = (tenantId: TenantId): void => hints.mcpChanged([{ tenantId, list: "tools" }]);
  return openTools({ ...parts, config: tools, onToolsChanged });
}

/** What MCP and A2A stand on beside what is opened for them. */
function toDoorDeps({ presenceMs, tasks }: McpConfig, parts: NodeParts) {
  const { database, hints } = parts;
  return {
    ...parts,
    usage: usageRepository(database),
    inputs: toolInputs(database),
    pull: pullRepository(database),
    findWaiting: (limit: number) => findWaitingToolAgents(database, limit),
    presenceMs,
    leaseMs: tasks.leaseMs,
    nudgeOutbox: () => hints.nudgeOutbox(),
    closeConnection: hints.closeConnection,
  };
}

/** Serves HTTP, and hands upgrades to the sockets. */
async function listen(
  { http }: McpConfig,
  fetch: HttpOptions["fetch"],
  { upgrader }: AgentServer,
): Promise<HttpServer> {
  const listening = await serveHttp({
    fetch,
    hostname: http.host,
    port: http.port,
    portVariable: "DEVMESH_MCP_PORT",
    graceMs: 2_000,
  });
  listening.server.on("upgrade", (request, stream, head) => upgrader.handle(request, stream, head));
  return listening;
}

/** How long work in hand may take, and closing after it. */
function toWindows(shutdownMs: number): StopWindows {
  const availableMs = Math.max(500, shutdownMs - reserveMs);
  return { workMs: availableMs * 0.6, closeMs: availableMs * 0.4 };
}
