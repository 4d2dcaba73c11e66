import { AppError, type TenantId, type ToolServerId } from "@devmesh/models";
import { orAborted } from "./deadline.ts";
import { closeLine, type Line, type OpenOptions, openLine } from "./line.ts";
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
  const lines = new Map<ToolServerId, Line>();
  const restarts = createRestarts();
  const leaving = new Set<Promise<void>>();
  let isClosed = false;

  /** The line of a server as it is registered now: an older one, and one that broke, makes room for a new one. */
  function lineOf(target: ToolTarget): Line {
    const { id, version } = target.server;
    const known = lines.get(id);
    const isBroken = known?.connection?.isOpen === false;
    if (known?.version === version && !isBroken) return known;
    if (isBroken) restarts.noteEnd(id);
    retire(id);
    restarts.assertMayStart(id, version);
    const crowded = findToRetire([...lines.values()], target.tenantId, options);
    if (crowded !== undefined) retire(crowded);
    const line = openLine(target, options, restarts);
    lines.set(id, line);
    line.ready.catch(() => {
      if (lines.get(id) === line) lines.delete(id);
    });
    return line;
  }

  async function use<T>(
    target: ToolTarget,
    signal: AbortSignal,
    call: (connection: ToolConnection) => Promise<T>,
  ): Promise<T> {
    if (isClosed) throw new AppError("unavailable", "the gateway is closed");
    const line = lineOf(target);
    lines.delete(line.serverId);
    lines.set(line.serverId, line);
    try {
      return await useLine(line, signal, call);
    } finally {
      if (line.users === 0) rest(line);
    }
  }

  function rest(line: Line): void {
    if (lines.get(line.serverId) !== line) {
      leave(line);
      return;
    }
    line.idleTimer = setTimeout(() => retire(line.serverId), options.idleMs);
    line.idleTimer.unref();
  }

  function retire(serverId: ToolServerId): void {
    const line = lines.get(serverId);
    if (line === undefined) return;
    lines.delete(serverId);
    if (line.users === 0) leave(line);
  }

  function leave(line: Line): void {
    const closing = closeLine(line).finally(() => leaving.delete(closing));
    leaving.add(closing);
  }

  return {
    use,
    isConnected: (serverId) => lines.get(serverId)?.connection?.isOpen === true,
    retire,
    close: async (serverId) => {
      const line = lines.get(serverId);
      lines.delete(serverId);
      restarts.forget(serverId);
      if (line !== undefined) await closeLine(line);
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      const open = [...lines.values()];
      lines.clear();
      await Promise.all([...open.map(closeLine), ...leaving]);
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

async function useLine<T>(
  line: Line,
  signal: AbortSignal,
  call: (connection: ToolConnection) => Promise<T>,
): Promise<T> {
  clearTimeout(line.idleTimer);
  line.users += 1;
  try {
    return await call(await orAborted(line.ready, signal));
  } finally {
    line.users -= 1;
  }
}
