import {
  type FanOut,
  type Hints,
  memorySessions,
  type Presence,
  type SessionBounds,
  type SessionStore,
} from "@devmesh/adapters";
import type { Authenticator } from "@devmesh/auth";
import type { NodeId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import { createRateLimiter, type RateLimit, type Secret, sleep } from "@devmesh/runtime";
import type { Hono } from "hono";
import { composeServer } from "./compose-server.ts";
import { openMcpEvents } from "./events/mcp-events.ts";
import { runCredentialCheck } from "./http/check-credentials.ts";
import { createMcpMetrics } from "./http/mcp-metrics.ts";
import { mountMcp } from "./http/mount-mcp.ts";
import { createOpenStreams, type OpenStreams, type StreamLimits } from "./http/open-streams.ts";
import { serveModern } from "./http/serve-modern.ts";
import type { PromptDeps } from "./prompts/prompts-part.ts";
import { type OpenResourcesOptions, openResources } from "./resources/open-resources.ts";
import { openSessions } from "./sessions/open-sessions.ts";
import type { McpTasksDeps } from "./tasks/open-tasks.ts";
import { type GatewayConfig, type GatewayDeps, openGateway } from "./tools/gateway/open-gateway.ts";
import type { MemoryToolDeps } from "./tools/memory/memory-tools.ts";
import type { MeshToolDeps } from "./tools/mesh-tools.ts";

/** How `/mcp` is served. */
export interface McpHttpConfig {
  /** What the listener is bound to: at a loopback address, hosts and origins of this machine are allowed by themselves. */
  readonly host: string;
  /** The origin under which clients reach this server, where a proxy stands in between. */
  readonly publicUrl: string | undefined;
  /** Further names that requests may give in `Host`, without ports. */
  readonly allowedHosts: readonly string[];
  /** Further origins, whole (`https://host:port`), of pages that may call. */
  readonly allowedOrigins: readonly string[];
  /** Requests of one key, or of one address without a good one; undefined where it is off. */
  readonly rateLimit: RateLimit | undefined;
  /** Responses that are open for news. */
  readonly streams: StreamLimits;
  /** Of the older generation; a node holds the servers of `maxLive` of them. */
  readonly sessions: SessionBounds & { readonly maxLive: number };
}

/** What `/mcp` offers. */
export interface McpServerConfig {
  /** Signs what clients keep between the rounds of a request; the same on every node. */
  readonly stateSecret: Secret;
  /** Holds what tools answer against their schemas. */
  readonly checksOutput: boolean;
  /** Offers what the conformance suite expects, too. */
  readonly conformanceFixtures: boolean;
}

/** What the MCP server's parts work on. */
export type McpDeps = MeshToolDeps &
  MemoryToolDeps &
  PromptDeps &
  Omit<McpTasksDeps, "kinds"> &
  Omit<GatewayDeps, "config"> &
  Omit<OpenResourcesOptions, "isOther"> &
  McpEnvironment;

interface McpEnvironment {
  readonly config: McpHttpConfig & McpServerConfig & GatewayConfig;
  readonly nodeId: NodeId;
  readonly authenticator: Authenticator;
  /** One that remembers nothing, for credentials of open responses. */
  readonly freshAuthenticator: Authenticator;
  /** Between two checks of these. */
  readonly credentialCheckMs: number;
  readonly fanOut: FanOut;
  readonly hints: Hints;
  readonly presence?: Presence | undefined;
  /** Where sessions of the older generation are kept; by this node alone, unless given. */
  readonly sessions?: SessionStore | undefined;
  /** Milliseconds, rising. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** `/mcp` and what belongs to it, to be mounted on the node's listener. */
export interface Mcp extends AsyncDisposable {
  readonly app: Hono;
  /** Takes nothing new, ends what waits for news, and gives requests in hand so long to finish. */
  stop(workMs: number): Promise<void>;
}

/** Between two comments that keep a response open on its way through proxies. The SDK's own. */
const keepAliveMs = 15_000;
/** How long a session may keep its server on a node unused. Judgement. */
const unusedMs = 300_000;

/** Without Redis: sessions that a node remembers for each that it may have a server for. Judgement. */
const keptPerLive = 4;

/** Opens the MCP server of a node, both generations of the protocol. Disposal ends its streams and sessions. */
export async function openMcp(deps: McpDeps): Promise<Mcp> {
  const { config, now, logger } = deps;
  await using stack = new AsyncDisposableStack();
  const ending = new AbortController();
  const events = stack.use(await openMcpEvents(deps.hints));
  const isOther = (uri: string): boolean => config.conformanceFixtures && !uri.startsWith("devmesh:");
  const resources = stack.use(openResources({ ...deps, isOther }));
  const gateway = stack.use(await openGateway(deps));
  const served = await composeServer(deps, { resources, events, gateway });
  const streams = createOpenStreams(config.streams);
  const { watch } = resources;
  const modern = stack.use(serveModern({ served, watch, events, streams, keepAliveMs, logger }));
  const sessions = stack.use(
    await openSessions({
      ...deps,
      presence: deps.presence,
      store:
        deps.sessions ??
        stack.use(memorySessions({ ...config.sessions, max: config.sessions.maxLive * keptPerLive, now })),
      createServer: served.create,
      events,
      streams,
      max: config.sessions.maxLive,
      unusedMs,
      maxKeptBytes: config.sessions.maxEventBytes,
      keepAliveMs,
      onRevived: () => metrics.sessionRevived(),
    }),
  );
  const metrics = createMcpMetrics(deps.metrics, { streams, sessions: () => sessions.size });
  const checking = runCredentialCheck(
    { authenticator: deps.freshAuthenticator, streams, credentialCheckMs: deps.credentialCheckMs, logger },
    ending.signal,
  );
  // runs that are under way get some seconds, before what they need goes
  stack.use(served.tasks);
  stack.defer(await deps.hints.onClaimable(() => served.tasks.lookSoon()));
  stack.defer(() => checking);
  stack.defer(() => ending.abort());
  let isDraining = false;
  const opened = stack.move();
  return {
    app: mountMcp({
      ...deps,
      rateLimiter: config.rateLimit && createRateLimiter({ ...config.rateLimit, now }),
      modern,
      sessions,
      scopesOf: served.scopesOf,
      isDraining: () => isDraining,
      metrics,
    }),
    stop: (workMs) => {
      isDraining = true;
      served.tasks.stopClaiming();
      return endStreams(streams, workMs);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Between two looks whether the requests in hand are finished. */
const lookMs = 50;

async function endStreams(streams: OpenStreams, workMs: number): Promise<void> {
  for (const { kind, end } of streams.all()) if (kind !== "request") end();
  const deadline = AbortSignal.timeout(workMs);
  while (!deadline.aborted && streams.all().length > 0) await sleep(lookMs, deadline);
  for (const { end } of streams.all()) end();
}
