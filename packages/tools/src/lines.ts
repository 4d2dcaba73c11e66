import type { ToolServerId } from "@devmesh/models";
import { orAborted } from "./deadline.ts";
import { closeLine, type Line } from "./line.ts";
import type { ToolConnection } from "./ports.ts";

/** The lines of a process, one a server, in the order of their last use. Disposing closes all, in use or not. */
export interface Lines extends AsyncDisposable {
  find(serverId: ToolServerId): Line | undefined;
  all(): readonly Line[];
  /** One that can't be opened goes by itself. */
  add(line: Line): void;
  /** Runs `call` on a line that is kept, once it is open; it is closed when nobody has used it for `idleMs` after that. */
  use<T>(line: Line, signal: AbortSignal, call: (connection: ToolConnection) => Promise<T>): Promise<T>;
  /** Keeps a server's line no longer; it is closed when the calls on it are over. */
  retire(serverId: ToolServerId): void;
  /** Closes a server's line; calls under way end with it. */
  close(serverId: ToolServerId): Promise<void>;
}

/** Makes an empty set. */
export function createLines(idleMs: number): Lines {
  const lines = new Map<ToolServerId, Line>();
  const leaving = new Set<Promise<void>>();

  function rest(line: Line): void {
    if (lines.get(line.serverId) !== line) {
      leave(line);
      return;
    }
    line.idleTimer = setTimeout(() => retire(line.serverId), idleMs);
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
    find: (serverId) => lines.get(serverId),
    all: () => [...lines.values()],
    add(line) {
      lines.set(line.serverId, line);
      line.ready.catch(() => {
        // its time would be taken for that of the server's next line
        clearTimeout(line.idleTimer);
        if (lines.get(line.serverId) === line) lines.delete(line.serverId);
      });
    },
    async use(line, signal, call) {
      lines.delete(line.serverId);
      lines.set(line.serverId, line);
      try {
        return await useLine(line, signal, call);
      } finally {
        if (line.users === 0) rest(line);
      }
    },
    retire,
    async close(serverId) {
      const line = lines.get(serverId);
      lines.delete(serverId);
      if (line !== undefined) await closeLine(line);
    },
    async [Symbol.asyncDispose]() {
      const open = [...lines.values()];
      lines.clear();
      await Promise.all([...open.map(closeLine), ...leaving]);
    },
  };
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
