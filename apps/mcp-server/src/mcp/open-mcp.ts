import { type ClaimableHint, memorySessions } from "@devmesh/adapters";
import { sleep } from "@devmesh/runtime";
import type { Hono } from "hono";
import type { OpenStreams } from "../http/open-streams.ts";
import { composeServer } from "./compose-server.ts";
import { openMcpEvents } from "./events/mcp-events.ts";
import { openGateway } from "./gateway/open-gateway.ts";
import type { McpEnv } from "./http/incoming.ts";
import { createMcpMetrics } from "./http/mcp-metrics.ts";
import { mountMcp } from "./http/mount-mcp.ts";
import { serveModern } from "./http/serve-modern.ts";
import type { McpDeps } from "./mcp-deps.ts";
import { openResources } from "./resources/open-resources.ts";
import { openSessions } from "./sessions/open-sessions.ts";

/** `/mcp` and what belongs to it, to be mounted on the node's listener. */
export interface Mcp extends AsyncDisposable {
  readonly app: Hono<McpEnv>;
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
  const events = stack.use(await openMcpEvents(deps.hints));
  const isOther = (uri: string): boolean => config.conformanceFixtures && !uri.startsWith("devmesh:");
  const resources = stack.use(openResources({ ...deps, isOther }));
  const gateway = stack.use(await openGateway(deps));
  const served = await composeServer(deps, { resources, events, gateway });
  const { streams } = deps.door;
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
  // runs that are under way get some seconds, before what they need goes
  stack.use(served.tasks);
  // a run that was left is in a lane
  const lookForRuns = ({ lanes, limits }: ClaimableHint): void => {
    if (lanes.length + limits.length > 0) served.tasks.lookSoon();
  };
  stack.defer(await deps.hints.onClaimable(lookForRuns));
  let isDraining = false;
  const opened = stack.move();
  return {
    app: mountMcp({
      ...deps,
      ...deps.door,
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
