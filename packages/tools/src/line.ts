import { AppError, type TenantId, type ToolServerId } from "@devmesh/models";
import type { ToolConnection, ToolServerStore, ToolTarget, ToolTransport } from "./ports.ts";
import type { Restarts } from "./restarts.ts";

/** What opening stands on. */
export interface OpenOptions {
  readonly transport: ToolTransport;
  readonly store: Pick<ToolServerStore, "findSecrets">;
  readonly openTimeoutMs: number;
}

/** One connection, from when somebody wanted it. */
export interface Line {
  readonly tenantId: TenantId;
  readonly serverId: ToolServerId;
  readonly version: number;
  readonly opening: AbortController;
  readonly ready: Promise<ToolConnection>;
  connection: ToolConnection | undefined;
  users: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** Begins to open a connection: for whoever waits for it, and by nobody's signal but its own. */
export function openLine({ tenantId, server }: ToolTarget, options: OpenOptions, restarts: Restarts): Line {
  const opening = new AbortController();
  const line: Line = {
    tenantId,
    serverId: server.id,
    version: server.version,
    opening,
    ready: open(),
    connection: undefined,
    users: 0,
    idleTimer: undefined,
  };
  return line;

  async function open(): Promise<ToolConnection> {
    const limitMs = options.openTimeoutMs;
    const timer = setTimeout(() => {
      opening.abort(
        new AppError("deadline_exceeded", `tool server ${server.name} took longer than ${limitMs} ms to start`),
      );
    }, limitMs);
    try {
      const secrets = await options.store.findSecrets(tenantId, server.id);
      const connection = await options.transport.open(server, { secrets, signal: opening.signal });
      restarts.noteStart(server.id, server.version);
      line.connection = connection;
      return connection;
    } catch (error) {
      // whoever opens may put it in words of its own: the reason of the end is the limit
      const cause = opening.signal.aborted ? opening.signal.reason : error;
      restarts.noteFailure(server.id, server.version, cause);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Ends it, or what opens it. */
export async function closeLine(line: Line): Promise<void> {
  clearTimeout(line.idleTimer);
  line.opening.abort(new AppError("cancelled", "the connection was closed before it was open"));
  const connection = await line.ready.catch(() => undefined);
  await connection?.[Symbol.asyncDispose]();
}
