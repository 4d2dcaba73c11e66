import type { FanOut, SessionStore } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";

/** What one node tells another about a session. */
export type SessionMail =
  /** A message of the client for the node that waits for it: an answer, or the word that it is cancelled. */
  | { readonly session: string; readonly message: JSONRPCMessage }
  /** The client of this stream has come to another node. */
  | { readonly session: string; readonly taken: string }
  /** The session is over. */
  | { readonly session: string; readonly ended: true };

/** Carries mail between the nodes of a mesh: at most once, and lost where the other node is gone. */
export interface NodeMail extends AsyncDisposable {
  send(nodeId: NodeId, mail: SessionMail): Promise<void>;
  /** To every node, this one included. */
  tellAll(mail: SessionMail): Promise<void>;
}

export interface NodeMailOptions {
  readonly nodeId: NodeId;
  readonly fanOut: Pick<FanOut, "publish" | "subscribe">;
  /** Carries what is too large for the fan-out. */
  readonly store: Pick<SessionStore, "stash" | "unstash">;
  readonly onMail: (mail: SessionMail) => Promise<void> | void;
  readonly logger: Logger;
}

/** Where those who read a stream along hear that there is more of it; the message is the stream's name. */
export const sessionChannel = (sessionId: string): string => `devmesh:mcp:session:${sessionId}`;

const nodeChannel = (nodeId: NodeId): string => `devmesh:mcp:node:${nodeId}`;
const allChannel = "devmesh:mcp:sessions";
/** NOTIFY carries 7,999 bytes. */
const maxMailBytes = 7_000;

export async function openNodeMail({ nodeId, fanOut, store, onMail, logger }: NodeMailOptions): Promise<NodeMail> {
  async function receive(text: string): Promise<void> {
    const whole = text.startsWith("@") ? await store.unstash(text.slice(1)) : text;
    const mail = whole === undefined ? undefined : parseMail(whole);
    if (mail !== undefined) await onMail(mail);
  }

  async function post(channel: string, mail: SessionMail): Promise<void> {
    const text = JSON.stringify(mail);
    if (Buffer.byteLength(text) <= maxMailBytes) {
      await fanOut.publish(channel, text);
      return;
    }
    const name = await store.stash(text);
    if (name !== undefined) await fanOut.publish(channel, `@${name}`);
  }

  const hear = (text: string): void => {
    receive(text).catch((err: unknown) => logger.warn({ err }, "mail about a session was not taken"));
  };
  const ends = await Promise.all([fanOut.subscribe(nodeChannel(nodeId), hear), fanOut.subscribe(allChannel, hear)]);
  return {
    send: (to, mail) => post(nodeChannel(to), mail),
    tellAll: (mail) => post(allChannel, mail),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(ends.map((end) => end()));
    },
  };
}

/** Undefined for what is garbled. */
function parseMail(text: string): SessionMail | undefined {
  try {
    const mail: unknown = JSON.parse(text);
    if (typeof mail !== "object" || mail === null || !("session" in mail)) return undefined;
    return typeof mail.session === "string" ? (mail as SessionMail) : undefined;
  } catch {
    return undefined;
  }
}
