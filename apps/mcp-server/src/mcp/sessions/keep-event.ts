import type { SessionStore } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";

export interface KeepDeps {
  readonly sessionId: string;
  readonly nodeId: NodeId;
  readonly store: Pick<SessionStore, "append">;
  /** A message larger than this is told, and not kept. */
  readonly maxKeptBytes: number;
  readonly logger: Logger;
}

/** A message as it was told. */
export interface ToldEvent {
  readonly stream: string;
  readonly seq: number;
  readonly message: JSONRPCMessage;
  /** The message as JSON. */
  readonly text: string;
  readonly closes: boolean;
  /** Of the session's own stream, which may be at another node by now. */
  readonly isOwn: boolean;
}

/** Keeps what a client was told, in case its response was cut. Undefined where the store is away. */
export async function keepEvent(deps: KeepDeps, event: ToldEvent): Promise<boolean | undefined> {
  const { sessionId, nodeId, store, logger } = deps;
  const { stream, seq, closes, isOwn } = event;
  const message = event.text.length > deps.maxKeptBytes ? lostMessage(event, deps.maxKeptBytes) : event.text;
  try {
    return await store.append(sessionId, { stream, seq, message, closes, ...(isOwn && { ifAt: nodeId }) });
  } catch (err) {
    logger.debug({ err, sessionId }, "an event of a session was not kept");
    return undefined;
  }
}

/** A client that comes back for an answer hears that it is lost. */
function lostMessage({ message, text }: ToldEvent, maxBytes: number): string {
  const id = "id" in message ? message.id : null;
  const lost = `a message of ${text.length} characters was not kept: the limit is ${maxBytes}`;
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_603, message: lost } });
}
