import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A message that came, and what came with it. */
export interface ReceivedCall {
  readonly request: IncomingMessage;
  readonly message: {
    readonly id?: unknown;
    readonly method: string;
    readonly params?: { readonly name?: string; readonly arguments?: Readonly<Record<string, unknown>> };
  };
  readonly response: ServerResponse;
  /** Answers as JSON, as the generation of the server wants it. */
  answer(result: object): void;
}

/** A server that speaks MCP over HTTP by hand: handshake and list are done, the rest is the test's. */
export interface HttpToolServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Requests by their JSON-RPC method, or their HTTP method where they have none. */
  readonly seen: readonly string[];
}

const discovered = { supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, ttlMs: 0, cacheScope: "private" };
const initialized = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "stand-in", version: "1" },
};

/** @param interrupt sees every message first, and says whether it has dealt with it. */
export async function serveTools(
  era: "modern" | "legacy",
  onCall: (call: ReceivedCall) => void,
  interrupt: (call: ReceivedCall) => boolean = () => false,
): Promise<HttpToolServer> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      if (text === "") {
        seen.push(request.method ?? "");
        response.writeHead(request.method === "DELETE" ? 200 : 405).end();
        return;
      }
      const message = JSON.parse(text) as ReceivedCall["message"];
      seen.push(message.method);
      const reply = (body: object, status = 200): void => {
        response.writeHead(status, {
          "content-type": "application/json",
          ...(era === "legacy" && { "mcp-session-id": "s1" }),
        });
        response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...body }));
      };
      const answer = (result: object): void =>
        reply({ result: era === "modern" ? { resultType: "complete", ...result } : result });
      const call = { request, message, response, answer };
      interrupt(call) || handshake(message.method, { era, answer, reply, response }) || onCall(call);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Reply {
  readonly era: "modern" | "legacy";
  readonly answer: (result: object) => void;
  readonly reply: (body: object, status?: number) => void;
  readonly response: ServerResponse;
}

/** True where the message was of the handshake, or asked for the list, and is answered. */
function handshake(method: string, { era, answer, reply, response }: Reply): boolean {
  switch (method) {
    case "server/discover":
      if (era === "modern") answer(discovered);
      else reply({ error: { code: -32_601, message: "method not found" } }, 400);
      return true;
    case "initialize":
      answer(initialized);
      return true;
    case "notifications/initialized":
    case "notifications/cancelled":
      response.writeHead(202).end();
      return true;
    case "tools/list":
      answer({ tools: [{ name: "echo", inputSchema: { type: "object" } }], ttlMs: 0, cacheScope: "private" });
      return true;
    default:
      return false;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
