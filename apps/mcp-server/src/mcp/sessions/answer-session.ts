import type { SessionChange, SessionStore } from "@devmesh/adapters";
import { AppError, type NodeId, utf8Bytes } from "@devmesh/models";
import {
  isInitializeRequest,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "@modelcontextprotocol/server";
import { methodNotAllowed } from "../../http/refusal.ts";
import type { Exchange } from "../exchange.ts";
import type { LiveSession } from "./live-session.ts";
import type { NodeMail } from "./node-mail.ts";
import { isCancelled, parseAskedId } from "./session-transport.ts";

export interface AnswerDeps {
  readonly nodeId: NodeId;
  readonly store: SessionStore;
  readonly mail: NodeMail;
  /** Gives the session of the request on this node, taking it up if need be. */
  readonly take: () => Promise<LiveSession>;
  /** Closes what this node has of it. */
  readonly drop: () => Promise<void>;
}

/** The longest URI of a resource that is remembered; a longer one names none of ours. Judgement. */
const maxUriLength = 2_048;
/** Of an answer that is for another node: what a person put into a form. Judgement. */
const maxCarriedBytes = 262_144;

/** Answers one request of a session that exists. */
export async function answerSession(deps: AnswerDeps, id: string, exchange: Exchange): Promise<Response> {
  const { request } = exchange;
  assertVersion(request.headers);
  if (request.method === "DELETE") return end(deps, id);
  if (request.method === "GET") {
    assertAccepts(request.headers, ["text/event-stream"]);
    return (await deps.take()).listen(exchange);
  }
  if (request.method !== "POST") throw methodNotAllowed(`${request.method} is not offered: POST, GET or DELETE`);
  assertAccepts(request.headers, ["application/json", "text/event-stream"]);
  return answerMessage(deps, id, exchange);
}

async function answerMessage(deps: AnswerDeps, id: string, exchange: Exchange): Promise<Response> {
  // whoever routes here has classified it as a message
  const message = exchange.message as JSONRPCMessage;
  if (isInitializeRequest(message))
    throw new AppError("invalid_argument", "the session has begun: initialize without its id");
  const session = await deps.take();
  if (isJSONRPCRequest(message)) {
    if (session.isWorkingOn(message.id)) {
      throw new AppError("invalid_argument", `the request ${JSON.stringify(message.id)} is not answered yet`);
    }
    const change = changeOf(message);
    if (change !== undefined) await deps.store.remember(id, change).catch(() => undefined);
    return session.request(message, exchange);
  }
  const elsewhere = await findAddressee(deps, id, { message, session });
  if (elsewhere === undefined) session.accept(message, exchange);
  else {
    assertCarried(message);
    await deps.mail.send(elsewhere, { session: id, message });
  }
  return new Response(null, { status: 202 });
}

/** The node that an answer, or the word that a request is cancelled, is for; undefined where that is this one. */
async function findAddressee(
  { nodeId, store }: AnswerDeps,
  id: string,
  { message, session }: { readonly message: JSONRPCMessage; readonly session: LiveSession },
): Promise<NodeId | undefined> {
  if (isJSONRPCResponse(message)) {
    const asked = parseAskedId(message.id ?? "");
    if (asked === undefined || asked.nodeId === nodeId) return undefined;
    // the client says whom it answers: what nobody has asked is carried to nobody
    const open = await store.findOpen(id).catch(() => []);
    return open.some((one) => one.nodeId === asked.nodeId) ? asked.nodeId : undefined;
  }
  if (!isCancelled(message) || session.isWorkingOn(message.params.requestId)) return undefined;
  const open = await store.findOpen(id).catch(() => []);
  const working = open.find(({ requestId }) => requestId === message.params.requestId);
  return working?.nodeId === nodeId ? undefined : working?.nodeId;
}

/** @throws AppError `invalid_argument` for what is too large to be carried. */
function assertCarried(message: JSONRPCMessage): void {
  const bytes = utf8Bytes(JSON.stringify(message));
  if (bytes <= maxCarriedBytes) return;
  throw new AppError("invalid_argument", `an answer of ${bytes} bytes exceeds the limit of ${maxCarriedBytes}`);
}

/** Only its own principal can end a session: it was taken first. */
async function end({ take, drop, store, mail }: AnswerDeps, id: string): Promise<Response> {
  await take();
  await store.remove(id).catch(() => false);
  await drop();
  await mail.tellAll({ session: id, ended: true });
  return new Response(null, { status: 200 });
}

/** What a server that takes the session up has to be told again. */
function changeOf({
  method,
  params,
}: {
  readonly method: string;
  readonly params?: unknown;
}): SessionChange | undefined {
  const { level, uri } = (params ?? {}) as Readonly<Record<string, unknown>>;
  if (method === "logging/setLevel" && typeof level === "string") return { logLevel: level.slice(0, 20) };
  if (typeof uri !== "string" || uri.length > maxUriLength) return undefined;
  if (method === "resources/subscribe") return { subscribe: uri };
  return method === "resources/unsubscribe" ? { unsubscribe: uri } : undefined;
}

function assertVersion(headers: Headers): void {
  const version = headers.get("mcp-protocol-version");
  if (version === null || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return;
  const known = SUPPORTED_PROTOCOL_VERSIONS.join(", ");
  const given = JSON.stringify(version.slice(0, 40));
  throw new AppError("invalid_argument", `protocol version ${given} is none of a session: ${known}`);
}

function assertAccepts(headers: Headers, types: readonly string[]): void {
  const accept = headers.get("accept") ?? "";
  if (types.every((type) => accept.includes(type))) return;
  throw new AppError("invalid_argument", `the client must accept ${types.join(" and ")}`, { reason: "not_acceptable" });
}
