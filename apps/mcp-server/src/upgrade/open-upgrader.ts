import type { Authenticator } from "@devmesh/auth";
import type { ConnectionId, NewId } from "@devmesh/models";
import type { ConnectionLimits } from "../config.ts";
import { Connection, type ConnectionEvents } from "../connections/connection.ts";
import type { Connections } from "../connections/connections.ts";
import { createUpgrader, type OpenedSocket, type Upgrader } from "./upgrade.ts";
import { createUpgradeRate } from "./upgrade-rate.ts";

/** What sockets become connections of. */
export interface OpenUpgraderDeps {
  readonly authenticator: Authenticator;
  readonly limits: ConnectionLimits;
  readonly connections: Connections;
  readonly events: ConnectionEvents;
  readonly newId: NewId;
  readonly random: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Makes what lets sockets in, each as a connection of the node, until `draining` aborts. */
export function openUpgrader(deps: OpenUpgraderDeps, draining: AbortSignal): Upgrader {
  const { authenticator, limits, connections, events, now, random } = deps;
  return createUpgrader({
    authenticator,
    maxConnections: limits.max,
    maxTenantConnections: limits.maxPerTenant,
    countConnections: () => connections.size,
    countOfTenant: (tenantId) => connections.countOf(tenantId),
    isDraining: () => draining.aborted,
    rate: createUpgradeRate({ perSecond: limits.upgradesPerSecond, now, random }),
    random,
    onSocket: (opened) => openConnection(opened, deps),
    traffic: events.traffic,
  });
}

function openConnection(
  { socket, stream, principal, credential }: OpenedSocket,
  { newId, now, connections, events }: OpenUpgraderDeps,
): void {
  const connection = new Connection({
    id: newId() as ConnectionId,
    principal,
    credential,
    socket,
    stream,
    openedAt: now(),
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
