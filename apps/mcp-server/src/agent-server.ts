import type { Presence } from "@devmesh/adapters";
import type { Authenticator } from "@devmesh/auth";
import type { ConnectionId, NewId, NodeId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import type { LedgerStore, TaskEngine } from "@devmesh/tasks";
import type { ConnectionLimits } from "./config.ts";
import { closeByMesh } from "./connections/close-by-mesh.ts";
import type { Connection } from "./connections/connection.ts";
import { createConnectionEvents } from "./connections/connection-events.ts";
import { type Connections, createConnections } from "./connections/connections.ts";
import { startHeartbeat } from "./connections/heartbeat.ts";
import { createTraffic } from "./connections/traffic.ts";
import { deliverHere } from "./delivery/deliver-here.ts";
import { createDelivery, type Delivery } from "./delivery/delivery.ts";
import { createEventFeed, type EventFeed } from "./delivery/event-feed.ts";
import type { Awaiting } from "./delivery/local-hints.ts";
import type { Messenger } from "./delivery/messenger.ts";
import { refuseUndeliverable } from "./delivery/refuse-undeliverable.ts";
import type { Intervals } from "./limits.ts";
import { createDatabaseClock, type DatabaseClock } from "./node/database-clock.ts";
import { drain } from "./node/drain.ts";
import { keepPresence } from "./node/keep-presence.ts";
import { mendConnections } from "./node/mend-connections.ts";
import { createTouch, type Touch } from "./node/touch.ts";
import type { ServerContext } from "./server-context.ts";
import type { ServerStores } from "./stores.ts";
import { createTurnCounter } from "./turn.ts";
import { runCredentialCheck } from "./upgrade/credential-check.ts";
import { openUpgrader } from "./upgrade/open-upgrader.ts";
import type { Upgrader } from "./upgrade/upgrade.ts";

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
  const stopping = new AbortController();
  const leaving = new AbortController();
  const parts = createParts(deps, stopping.signal);
  const { connections, delivery, eventFeed, upgrader, touch, databaseClock } = parts;
  await beginLease(deps, databaseClock);
  const heartbeat = startHeartbeat({
    heartbeatMs: deps.heartbeatMs,
    helloMs: deps.intervals.helloMs,
    connections: () => connections.all(),
    onHealth: (connection, health) => touch.health(connection, health),
    now: deps.now,
  });
  const background = runBackground(deps, parts, stopping.signal);
  const { nodeLeaseMs } = deps.intervals;
  const present = keepPresence({ ...deps, ...parts, nodeLeaseMs }, leaving.signal);

  async function stop(windows: StopWindows): Promise<void> {
    stopping.abort();
    await drainSockets(deps, { ...parts, windows });
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
    deliver: (agents) => deliverHere({ connections, delivery, databaseClock }, agents),
    wakeEvents: eventFeed.wake,
    close(connectionId, code, reason) {
      const connection = connections.find(connectionId);
      if (connection !== undefined) closeByMesh(connection, code, reason);
    },
    stop: stopOnce,
    [Symbol.asyncDispose]: () => stopOnce({ workMs: 0, closeMs: 0 }),
  };
}

/** What the sockets of a node are served by. */
interface Parts {
  readonly connections: Connections;
  readonly touch: Touch;
  readonly delivery: Delivery;
  readonly eventFeed: EventFeed;
  readonly upgrader: Upgrader;
  readonly databaseClock: DatabaseClock;
}

function createParts(deps: AgentServerDeps, draining: AbortSignal): Parts {
  const { intervals, metrics, now, logger } = deps;
  const connections = createConnections();
  const all = (): readonly Connection[] => connections.all();
  const touch = createTouch({ store: deps.agents, connections: all, touchMs: intervals.touchMs, logger });
  const delivery: Delivery = createDelivery({
    store: deps.deliveries,
    connections: all,
    mailboxSweepMs: intervals.mailboxSweepMs,
    look: () => mendConnections({ ...deps, connections, delivery }),
    onUndeliverable: (connection, frame) => void refuseUndeliverable(deps, connection, frame),
    now,
    logger,
  });
  const eventFeed = createEventFeed({ store: deps.events, lookMs: intervals.mailboxSweepMs, logger });
  const context = createContext(deps, { connections, delivery, eventFeed });
  const traffic = createTraffic({
    logger,
    metrics,
    countConnections: () => connections.size,
    countInFlight: () => connections.inFlight,
  });
  const events = { ...createConnectionEvents(context, touch), traffic };
  const upgrader = openUpgrader({ ...deps, limits: deps.connections, connections, events }, draining);
  return { connections, touch, delivery, eventFeed, upgrader, databaseClock: createDatabaseClock(now) };
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

/** With the database away the node begins all the same: nobody can sign in, and its presence follows by itself. */
async function beginLease(
  { nodes, nodeId, intervals, now, logger }: AgentServerDeps,
  databaseClock: DatabaseClock,
): Promise<void> {
  const askedAtMs = now();
  try {
    databaseClock.note((await nodes.renew(nodeId, intervals.nodeLeaseMs)).now, askedAtMs);
  } catch (err) {
    logger.warn({ err, nodeId }, "node lease not begun yet");
  }
}

async function runBackground(
  { freshAuthenticator, intervals, logger }: AgentServerDeps,
  { connections, delivery, eventFeed, touch }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const check = {
    authenticator: freshAuthenticator,
    connections: () => connections.all(),
    credentialCheckMs: intervals.credentialCheckMs,
    logger,
  };
  await Promise.all([
    delivery.run(signal),
    eventFeed.run(signal),
    touch.run(signal),
    runCredentialCheck(check, signal),
  ]);
}

async function drainSockets(
  { random, now, connections: { upgradesPerSecond } }: AgentServerDeps,
  { connections, upgrader, windows }: Pick<Parts, "connections" | "upgrader"> & { readonly windows: StopWindows },
): Promise<void> {
  await drain({
    ...windows,
    connections: () => connections.all(),
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
