import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import { isAnswer, isRequest, type JSONRPCAnswer, type JSONRPCRequestMessage } from "./messages.ts";

/** The session of a client of the older generation with the mesh, which begins it again when the mesh has lost it. */
export interface Session {
  /** Sees what the client sends: its `initialize` is kept. */
  noteSent(message: JSONRPCMessage): void;
  /** Sees what the mesh sends; true where that was for the session itself, and not for the client. */
  noteReceived(message: JSONRPCMessage): boolean;
  /** Begins again; false where there was no session. Calls at the same time are one. */
  renew(): Promise<boolean>;
}

const renewalId = "devmesh-mcp/renew";

/** Begins with the client's own `initialize`. */
export function createSession(mesh: Pick<StreamableHTTPClientTransport, "send" | "setProtocolVersion">): Session {
  let opening: JSONRPCRequestMessage | undefined;
  let openingId: RequestId | undefined;
  let renewing: Promise<boolean> | undefined;
  let answered: ((answer: JSONRPCAnswer | undefined) => void) | undefined;

  async function begin(request: JSONRPCRequestMessage): Promise<boolean> {
    const answer = new Promise<JSONRPCAnswer | undefined>((resolve) => {
      answered = resolve;
    });
    // a response that breaks off answers nothing: who waits for the session hears that it is lost
    await mesh.send({ ...request, id: renewalId }, { onRequestStreamEnd: () => answered?.(undefined) });
    const given = await answer;
    if (given === undefined || !("result" in given)) return false;
    await mesh.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return true;
  }

  return {
    noteSent(message) {
      if (!isRequest(message) || message.method !== "initialize") return;
      opening = message;
      openingId = message.id;
    },
    noteReceived(message) {
      if (!isAnswer(message)) return false;
      const isRenewal = message.id === renewalId;
      if (isRenewal || message.id === openingId) noteVersion(mesh, message);
      if (isRenewal) answered?.(message);
      return isRenewal;
    },
    renew() {
      if (opening === undefined) return Promise.resolve(false);
      renewing ??= begin(opening).finally(() => {
        renewing = undefined;
      });
      return renewing;
    },
  };
}

function noteVersion(mesh: Pick<StreamableHTTPClientTransport, "setProtocolVersion">, answer: JSONRPCAnswer): void {
  if (!("result" in answer)) return;
  const { protocolVersion } = answer.result as { protocolVersion?: unknown };
  if (typeof protocolVersion === "string") mesh.setProtocolVersion(protocolVersion);
}
