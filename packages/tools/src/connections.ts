import { AppError, type TenantId, type ToolServerId } from "@devmesh/models";
import { type Line, type OpenOptions, openLine } from "./line.ts";
import { createLines } from "./lines.ts";
import type { ToolConnection, ToolTarget } from "./ports.ts";
import { createRestarts } from "./restarts.ts";

/** What the connections stand on, and their bounds. */
export interface ConnectionsOptions extends OpenOptions {
  readonly maxConnections: number;
  readonly maxTenantConnections: number;
  readonly idleMs: number;
}

/**
 * The open connections: one a server, opened when it is first used and after it broke, closed when nobody uses it. Whoever uses
 * one has a seat for it, so that there is always room for one more, or one that nobody uses.
 */
export interface Connections extends AsyncDisposable {
  /**
   * Runs `call` on the server's connection. It is opened by the first who needs it, and for all who wait; the `signal` of one
   * ends only that one's wait.
   *
   * @throws AppError as {@link ToolTransport.open}.
   */
  use<T>(target: ToolTarget, signal: AbortSignal, call: (connection: ToolConnection) => Promise<T>): Promise<T>;
  isConnected(serverId: ToolServerId): boolean;
  /** Takes no further call on what is open to a server; it is closed when the calls on it are over. */
  retire(serverId: ToolServerId): void;
  /** Closes what is open to a server; calls under way end with it. */
  close(serverId: ToolServerId): Promise<void>;
}

/** Makes the connections; nothing is opened. */
export function createConnections(options: ConnectionsOptions): Connections {
  const lines = createLines(options.idleMs);
  const restarts = createRestarts();
  let isClosed = false;

  /** The line of a server as it is registered now: an older one, and one that broke, makes room for a new one. */
  function lineOf(target: ToolTarget): Line {
    const { id, version } = target.server;
    const known = lines.find(id);
    const isBroken = known?.connection?.isOpen === false;
    if (known?.version === version && !isBroken) return known;
    if (isBroken) restarts.noteEnd(id);
    lines.retire(id);
    restarts.assertMayStart(id, version);
    const crowded = findToRetire(lines.all(), target.tenantId, options);
    if (crowded !== undefined) lines.retire(crowded);
    const line = openLine(target, options, restarts);
    lines.add(line);
    return line;
  }

  return {
    async use(target, signal, call) {
      if (isClosed) throw new AppError("unavailable", "the gateway is closed");
      return lines.use(lineOf(target), signal, call);
    },
    isConnected: (serverId) => lines.find(serverId)?.connection?.isOpen === true,
    retire: (serverId) => lines.retire(serverId),
    async close(serverId) {
      restarts.forget(serverId);
      await lines.close(serverId);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await lines[Symbol.asyncDispose]();
    },
  };
}

/**
 * The server whose connection nobody used for the longest time, where there is no room for one more; `lines` come in the order
 * of their last use.
 */
function findToRetire(
  lines: readonly Line[],
  tenantId: TenantId,
  { maxConnections, maxTenantConnections }: ConnectionsOptions,
): ToolServerId | undefined {
  const own = lines.filter((line) => line.tenantId === tenantId);
  const isTenantFull = own.length >= maxTenantConnections;
  if (!isTenantFull && lines.length < maxConnections) return undefined;
  return (isTenantFull ? own : lines).find((line) => line.users === 0)?.serverId;
}
