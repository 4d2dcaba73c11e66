import { randomUUID } from "node:crypto";
import type { SessionRecord, SessionStore } from "@devmesh/adapters";
import type { Principal } from "@devmesh/auth";
import { AppError, type NodeId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type {
  AuthInfo,
  JSONRPCMessage,
  JSONRPCRequest,
  McpRequestContext,
  McpServer,
  RequestId,
} from "@modelcontextprotocol/server";
import type { OpenStreams, StreamKind } from "../../http/open-streams.ts";
import { openSse, type SseSink } from "../../http/sse.ts";
import type { McpEvents } from "../events/mcp-events.ts";
import type { Exchange } from "../exchange.ts";
import { createEventLog, type EventLogDeps, ownStream } from "./event-log.ts";
import { createSessionTransport } from "./session-transport.ts";

/** A session that has its server on this node. */
export interface LiveSession extends AsyncDisposable {
  readonly record: SessionRecord;
  /** As it was when the server was built: it goes by these scopes. */
  readonly principal: Principal;
  readonly isBusy: boolean;
  isWorkingOn(requestId: RequestId): boolean;
  request(message: JSONRPCRequest, exchange: Exchange): Response;
  /** Takes a notification, or an answer to a request of this node. */
  accept(message: JSONRPCMessage, exchange?: Exchange): void;
  /** Opens the session's own stream, or goes on with one that was cut. */
  listen(exchange: Exchange): Promise<Response>;
  /** The client of a stream has come to another node. */
  taken(stream: string): void;
}

export interface LiveSessionDeps extends Omit<EventLogDeps, "sessionId"> {
  readonly createServer: (context: McpRequestContext) => McpServer;
  readonly events: Pick<McpEvents, "hear">;
  readonly streams: OpenStreams;
  readonly keepAliveMs: number;
  readonly nodeId: NodeId;
  readonly store: SessionStore;
  readonly logger: Logger;
}

/** Builds the server of a session; its first request, `initialize`, is still to come. */
export async function openLiveSession(
  deps: LiveSessionDeps,
  record: SessionRecord,
  exchange: Exchange,
): Promise<LiveSession & Revivable> {
  const { id: sessionId } = record;
  const { principal, authInfo, request } = exchange;
  const log = createEventLog({ ...deps, sessionId });
  const transport = createSessionTransport({ sessionId, nodeId: deps.nodeId, name: randomUUID(), log });
  const server = deps.createServer({ era: "legacy", authInfo, requestInfo: request });
  await server.connect(transport);
  const endHearing = deps.events.hear(record.tenantId, ({ kind }) => {
    tellListChanged(server, kind).catch((err: unknown) => deps.logger.debug({ err }, "a change was not told"));
  });

  function open(kind: StreamKind, { principal, credential }: Exchange): { response: Response; sink: SseSink } {
    const sse = openSse({
      keepAliveMs: deps.keepAliveMs,
      headers: { "mcp-session-id": sessionId },
      onClosed: () => leave(),
    });
    const leave = deps.streams.add({ principal, credential, kind, end: () => sse.sink.close() });
    return sse;
  }

  return {
    record,
    principal,
    get isBusy() {
      return log.isBusy;
    },
    isWorkingOn: (requestId) => transport.isWorkingOn(requestId),
    request(message, exchange) {
      const { response, sink } = open("request", exchange);
      transport.request(message, toExtra(exchange), { sink, primes: primes(exchange.request, message) });
      return response;
    },
    accept: (message, exchange) => transport.accept(message, exchange === undefined ? {} : toExtra(exchange)),
    async listen(exchange) {
      const from = parseLastEventId(exchange.request.headers.get("last-event-id"));
      deps.streams.assertRoom(principal.tenantId);
      const { response, sink } = open("session", exchange);
      try {
        if (from === undefined || from.stream === ownStream) {
          await log.takeOwn(from?.seq, sink, primes(exchange.request));
        } else {
          await log.resume(from.stream, from.seq, sink);
        }
        return response;
      } catch (error) {
        sink.close();
        throw error;
      }
    },
    taken: (stream) => log.taken(stream),
    replay: (message) => transport.replay(message, toExtra(exchange)),
    async [Symbol.asyncDispose]() {
      endHearing();
      await log[Symbol.asyncDispose]();
      await server.close();
    },
  };
}

export interface Revivable {
  /** Says something to the server that the client has said before, elsewhere. */
  replay(message: JSONRPCMessage): Promise<void>;
}

/** Takes up a session that began at another node, or here a while ago: its server is told what it has to know. */
export async function reviveSession(
  deps: LiveSessionDeps,
  record: SessionRecord,
  exchange: Exchange,
): Promise<LiveSession> {
  const session = await openLiveSession(deps, record, exchange);
  let count = 0;
  const say = (method: string, params: Readonly<Record<string, unknown>>): Promise<void> => {
    count += 1;
    return session.replay({ jsonrpc: "2.0", id: `revival-${count}`, method, params });
  };
  await say("initialize", record.initialize);
  await session.replay({ jsonrpc: "2.0", method: "notifications/initialized" });
  if (record.logLevel !== undefined) await say("logging/setLevel", { level: record.logLevel });
  for (const uri of record.resources) await say("resources/subscribe", { uri });
  return session;
}

function toExtra({ request, authInfo }: Exchange): { readonly request: Request; readonly authInfo: AuthInfo } {
  return { request, authInfo };
}

/** Clients of earlier revisions don't understand an event without data. */
function primes(request: Request, message?: JSONRPCRequest): boolean {
  const asked = message?.method === "initialize" ? message.params?.["protocolVersion"] : undefined;
  const version = asked ?? request.headers.get("mcp-protocol-version") ?? "";
  return typeof version === "string" && version >= "2025-11-25";
}

/** @throws AppError `invalid_argument` for what no event of ours was named. */
function parseLastEventId(text: string | null): { readonly stream: string; readonly seq: number } | undefined {
  if (text === null) return undefined;
  const [, stream, seq] = /^([\w-]{1,32})\.(\d{1,15})$/.exec(text) ?? [];
  if (stream !== undefined) return { stream, seq: Number(seq) };
  throw new AppError("invalid_argument", `Last-Event-ID ${JSON.stringify(text.slice(0, 80))} names no event`);
}

async function tellListChanged({ server }: McpServer, kind: string): Promise<void> {
  if (kind === "tools_list_changed") await server.sendToolListChanged();
  if (kind === "prompts_list_changed") await server.sendPromptListChanged();
  if (kind === "resources_list_changed") await server.sendResourceListChanged();
}
