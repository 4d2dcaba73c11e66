import type { Presence } from "@devmesh/adapters";
import type { Authenticator } from "@devmesh/auth";
import type { ConnectionId, NewId, NodeId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import type { LedgerStore, TaskEngine } from "@devmesh/tasks";
import type { ConnectionLimits } from "./config.ts";
import { closeByMesh } from "./connections/close-by-mesh.ts";
import { Connection, type ConnectionEvents } from "./connections/connection.ts";
import { createConnectionEvents } from "./connections/connection-events.ts";
import { type Connections, createConnections } from "./connections/connections.ts";
import { startHeartbeat } from "./connections/heartbeat.ts";
import { createTraffic } from "./connections/traffic.ts";
import { createDelivery, type Delivery } from "./delivery/delivery.ts";
import { createEventFeed, type EventFeed } from "./delivery/event-feed.ts";
import { type Awaiting, toAssignFrame } from "./delivery/local-hints.ts";
import type { Messenger } from "./delivery/messenger.ts";
import { refuseUndeliverable } from "./delivery/refuse-undeliverable.ts";
import type { Intervals } from "./limits.ts";
import { drain } from "./node/drain.ts";
import { keepPresence } from "./node/keep-presence.ts";
import { mendConnections } from "./node/mend-connections.ts";
import { createTouch, type Touch } from "./node/touch.ts";
import type { ServerContext } from "./server-context.ts";
import type { ServerStores } from "./stores.ts";
import { createTurnCounter } from "./turn.ts";
import { runCredentialCheck } from "./upgrade/credential-check.ts";
import { createUpgrader, type OpenedSocket, type Upgrader } from "./upgrade/upgrade.ts";
import { createUpgradeRate } from "./upgrade/upgrade-rate.ts";

export interface AgentServerDeps extends ServerStores {
  readonly nodeId: NodeId;
  readonly heartbeatMs: number;
  readonly intervals: Intervals;
  readonly connections: ConnectionLimits;
  readonly presence: Presence | undefined;
  readonly messenger: Messenger;
  readonly ledger: Pick<LedgerStore, "transaction">;
  readonly engine: ServerContext["engine"] & Pick<TaskEngine, "perform">;
  readonly authenticator: Authenticator;
  /** One that remembers nothing, for credentials of open connections. */
  readonly freshAuthenticator: Authenticator;
  /** Closes a connection that another node holds. */
  readonly closeElsewhere: ServerContext["closeConnection"];
  readonly newId: NewId;
  readonly random: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The sockets of one node and all that goes on over them. */
export interface AgentServer extends AsyncDisposable {
  readonly connections: Connections;
  readonly upgrader: Upgrader;
  /** Something waits for these agents, if they are connected here: what comes with an offer is that. */
  deliver(agents: readonly Awaiting[]): void;
  /** There are new events of these tenants. */
  wakeEvents: EventFeed["wake"];
  /** Closes a connection of this node. */
  close(connectionId: ConnectionId, code: number, reason: string): void;
  /**
   * Ends everything gracefully: no upgrade from now on, then all connections, then what is left to be written. Once;
   * disposing does it at once.
   */
  stop(windows: StopWindows): Promise<void>;
}

/** How long to wait for requests in hand, and after that for closing handshakes. */
export interface StopWindows {
  readonly workMs: number;
  readonly closeMs: number;
}

/** Begins the node's presence, and all that runs beside the sockets. The caller hands it upgrades. */
export async function startAgentServer(deps: AgentServerDeps): Promise<AgentServer> {
  const { logger, nodeId } = deps;
  const connections = createConnections();
  const all = (): readonly Connection[] => connections.all();
  const touch = createTouch({ store: deps.agents, connections: all, touchMs: deps.intervals.touchMs, logger });
  const delivery: Delivery = createDelivery({
    store: deps.deliveries,
    connections: all,
    mailboxSweepMs: deps.intervals.mailboxSweepMs,
    look: () => mendConnections({ ...deps, connections, delivery }),
    onUndeliverable: (connection, frame) => void refuseUndeliverable(deps, connection, frame),
    now: deps.now,
    logger,
  });
  const eventFeed = createEventFeed({ store: deps.events, lookMs: deps.intervals.mailboxSweepMs, logger });
  const context = createContext(deps, { connections, delivery, eventFeed });
  const traffic = createTraffic({
    logger,
    metrics: deps.metrics,
    countConnections: () => connections.size,
    countInFlight: () => connections.inFlight,
  });
  const events: ConnectionEvents = { ...createConnectionEvents(context, touch), traffic };
  const stopping = new AbortController();
  const upgrader = openUpgrader({ deps, connections, events }, stopping.signal);

  // with the database away the node begins all the same: nobody can sign in, and its presence follows by itself
  await deps.nodes
    .renew(nodeId, deps.intervals.nodeLeaseMs)
    .catch((err: unknown) => logger.warn({ err, nodeId }, "node lease not begun yet"));
  const heartbeat = startHeartbeat({
    heartbeatMs: deps.heartbeatMs,
    helloMs: deps.intervals.helloMs,
    connections: all,
    onHealth: (connection, health) => touch.health(connection, health),
    now: deps.now,
  });
  const background = runBackground({ deps, delivery, eventFeed, touch, connections }, stopping.signal);
  const leaving = new AbortController();
  const { nodeLeaseMs } = deps.intervals;
  const present = keepPresence({ ...deps, connections, delivery, nodeLeaseMs }, leaving.signal);

  async function stop(windows: StopWindows): Promise<void> {
    stopping.abort();
    await drainSockets(deps, { connections: all, upgrader, windows });
    heartbeat[Symbol.dispose]();
    upgrader[Symbol.dispose]();
    leaving.abort();
    await Promise.all([background, present]);
    await leaveMesh(deps, touch);
  }

  let stopped: Promise<void> | undefined;
  const stopOnce = (windows: StopWindows): Promise<void> => {
    stopped ??= stop(windows);
    return stopped;
  };

  return {
    connections,
    upgrader,
    deliver: (agents) => deliver(agents, { connections, delivery }),
    wakeEvents: eventFeed.wake,
    close(connectionId, code, reason) {
      const connection = connections.find(connectionId);
      if (connection !== undefined) closeByMesh(connection, code, reason);
    },
    stop: stopOnce,
    [Symbol.asyncDispose]: () => stopOnce({ workMs: 0, closeMs: 0 }),
  };
}

function deliver(
  agents: readonly Awaiting[],
  { connections, delivery }: { readonly connections: Connections; readonly delivery: Delivery },
): void {
  for (const agent of agents) {
    const connection = connections.findByAgent(agent.agentId);
    if (connection === undefined) continue;
    const frame = toAssignFrame(agent);
    if (frame === undefined) delivery.wake(connection);
    else delivery.offer(connection, frame);
  }
}

function createContext(
  deps: AgentServerDeps,
  parts: Pick<ServerContext, "connections" | "delivery" | "eventFeed">,
): ServerContext {
  const { connections } = parts;
  return {
    ...deps,
    ...parts,
    turn: createTurnCounter(),
    closeConnection(owner, connectionId, code, reason) {
      const own = connections.find(connectionId);
      if (own !== undefined) closeByMesh(own, code, reason);
      else if (owner !== deps.nodeId) deps.closeElsewhere(owner, connectionId, code, reason);
    },
  };
}

interface Opening {
  readonly deps: AgentServerDeps;
  readonly connections: Connections;
  readonly events: ConnectionEvents;
}

function openUpgrader(opening: Opening, draining: AbortSignal): Upgrader {
  const { deps, connections, events } = opening;
  const { now, random } = deps;
  return createUpgrader({
    authenticator: deps.authenticator,
    maxConnections: deps.connections.max,
    maxTenantConnections: deps.connections.maxPerTenant,
    countConnections: () => connections.size,
    countOfTenant: (tenantId) => connections.countOf(tenantId),
    isDraining: () => draining.aborted,
    rate: createUpgradeRate({ perSecond: deps.connections.upgradesPerSecond, now, random }),
    random,
    onSocket: (opened) => openConnection(opened, opening),
    traffic: events.traffic,
  });
}

function openConnection(
  { socket, stream, principal, credential }: OpenedSocket,
  { deps, connections, events }: Opening,
): void {
  const connection = new Connection({
    id: deps.newId() as ConnectionId,
    principal,
    credential,
    socket,
    stream,
    openedAt: deps.now(),
    events,
  });
  connections.add(connection);
  events.traffic.opened(connection.fields);
  socket.onTransportFault = (code) => connection.faultOfTransport(code);
  socket.on("message", (data: Buffer, isBinary: boolean) => connection.receive(data, isBinary));
  socket.on("close", (code) => connection.gone(code));
  // `close` follows, and says all there is to say
  socket.on("error", () => undefined);
}

interface Background {
  readonly deps: AgentServerDeps;
  readonly delivery: Delivery;
  readonly eventFeed: EventFeed;
  readonly touch: Touch;
  readonly connections: Connections;
}

async function runBackground(
  { deps, delivery, eventFeed, touch, connections }: Background,
  signal: AbortSignal,
): Promise<void> {
  const { intervals, logger } = deps;
  const all = (): readonly Connection[] => connections.all();
  await Promise.all([
    delivery.run(signal),
    eventFeed.run(signal),
    touch.run(signal),
    runCredentialCheck(
      {
        authenticator: deps.freshAuthenticator,
        connections: all,
        credentialCheckMs: intervals.credentialCheckMs,
        logger,
      },
      signal,
    ),
  ]);
}

interface Draining {
  readonly connections: () => readonly Connection[];
  readonly upgrader: Upgrader;
  readonly windows: StopWindows;
}

async function drainSockets(
  { random, now, connections: { upgradesPerSecond } }: AgentServerDeps,
  { connections, upgrader, windows }: Draining,
): Promise<void> {
  await drain({
    ...windows,
    connections,
    countSockets: () => upgrader.openSockets.size,
    terminateSockets: () => {
      for (const socket of upgrader.openSockets) socket.terminate();
    },
    random,
    now,
    upgradesPerSecond,
  });
}

async function leaveMesh({ nodes, nodeId, presence, logger }: AgentServerDeps, touch: Touch): Promise<void> {
  await presence?.withdraw(nodeId);
  try {
    await touch.flush();
    await nodes.leave(nodeId);
  } catch (err) {
    logger.warn({ nodeId, err }, "the node could not leave, its lease ends by itself");
  }
}
