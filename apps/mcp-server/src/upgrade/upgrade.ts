import type { IncomingMessage } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type Authenticator, assertScope, type Principal, readBearer } from "@devmesh/auth";
import { AppError, type TenantId, toAppError } from "@devmesh/models";
import { MAX_MESSAGE_BYTES, subprotocol } from "@devmesh/protocol";
import { errorResponse, requestIdOf } from "@devmesh/runtime";
import { WebSocketServer } from "ws";
import { AgentSocket } from "../connections/agent-socket.ts";
import type { Traffic } from "../connections/traffic.ts";
import { closeTimeoutMs } from "../limits.ts";
import type { UpgradeRate } from "./upgrade-rate.ts";

export interface UpgradeOptions {
  readonly authenticator: Authenticator;
  readonly maxConnections: number;
  readonly maxTenantConnections: number;
  readonly countConnections: () => number;
  readonly countOfTenant: (tenantId: TenantId) => number;
  readonly isDraining: () => boolean;
  readonly rate: UpgradeRate;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly onSocket: (opened: OpenedSocket) => void;
  readonly traffic: Traffic;
}

export interface OpenedSocket {
  readonly socket: AgentSocket;
  readonly stream: Duplex;
  readonly principal: Principal;
  readonly credential: string;
}

/** Turns requests for `/ws` into sockets, or refuses them in the API's error shape. */
export interface Upgrader extends Disposable {
  handle(request: IncomingMessage, stream: Duplex, head: Buffer): void;
  /** Sockets whose closing handshake is not over yet are among them. */
  readonly openSockets: ReadonlySet<AgentSocket>;
}

/** Until one that came to a draining node tries again, at least; at most twice as long. Judgement. */
const drainingRetryMs = 1_000;

// a constant of its own, because the types of ws do not know `closeTimeout` yet
const serverOptions = {
  noServer: true,
  WebSocket: AgentSocket,
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
  // a text message is refused whatever it holds
  skipUTF8Validation: true,
  closeTimeout: closeTimeoutMs,
  handleProtocols: (): string => subprotocol,
};

/** Makes the upgrader; nothing is opened until a request comes. */
export function createUpgrader(options: UpgradeOptions): Upgrader {
  const server = new WebSocketServer<typeof AgentSocket>(serverOptions);
  server.on("wsClientError", (error, stream, request) => {
    refuse(stream, request, new AppError("invalid_argument", `malformed websocket handshake: ${error.message}`));
  });

  async function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    assertRoute(request);
    const credential = readBearer(request.headers) ?? "";
    const principal = await options.authenticator.authenticate(credential === "" ? undefined : credential);
    assertScope(principal, "agents:connect");
    assertRoom(principal, options);
    // last, so that what is refused for another reason takes nobody's place
    assertRate(options.rate);
    server.handleUpgrade(request, stream, head, (socket) => {
      options.onSocket({ socket, stream, principal, credential });
    });
  }

  return {
    handle(request, stream, head) {
      stream.on("error", ignore);
      upgrade(request, stream, head).catch((caught: unknown) => {
        const error = toAppError(caught);
        options.traffic.upgradeRefused(error);
        refuse(stream, request, error);
      });
    },
    openSockets: server.clients,
    [Symbol.dispose]: () => server.close(),
  };
}

/** @throws AppError `not_found` for another path; `invalid_argument` without the subprotocol. */
function assertRoute({ url, headers }: IncomingMessage): void {
  const path = (url ?? "").split("?", 1)[0];
  if (path !== "/ws") throw new AppError("not_found", "no such route");
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (offered.includes(subprotocol)) return;
  throw new AppError("invalid_argument", `the subprotocol ${subprotocol} has to be offered`);
}

function assertRoom({ tenantId }: Principal, options: UpgradeOptions): void {
  if (options.isDraining()) {
    const retryAfterMs = drainingRetryMs + Math.round(options.random() * drainingRetryMs);
    throw new AppError("unavailable", "the node is draining", { reason: "draining", retryAfterMs });
  }
  const count = options.countConnections();
  if (count >= options.maxConnections) throw noRoom(`this node has ${count} connections`, options.maxConnections);
  const ofTenant = options.countOfTenant(tenantId);
  if (ofTenant < options.maxTenantConnections) return;
  throw noRoom(`the tenant has ${ofTenant} connections to this node`, options.maxTenantConnections);
}

/** @throws AppError `resource_exhausted`, reason `rate_limited`: come again after `retryAfterMs`. */
function assertRate(rate: UpgradeRate): void {
  const retryAfterMs = rate.admit();
  if (retryAfterMs === undefined) return;
  throw new AppError("resource_exhausted", `too many upgrades a second: come again in ${retryAfterMs} ms`, {
    reason: "rate_limited",
    retryAfterMs,
  });
}

function noRoom(what: string, limit: number): AppError {
  return new AppError("resource_exhausted", `${what}, the limit is ${limit}`, {
    reason: "connection_limit",
    retryAfterMs: 5_000,
  });
}

function refuse(stream: Duplex, { headers }: IncomingMessage, error: AppError): void {
  if (!stream.writable) {
    stream.destroy();
    return;
  }
  const given = headers["x-request-id"];
  const response = errorResponse(error, requestIdOf(typeof given === "string" ? given : undefined));
  void writeResponse(stream, response);
}

async function writeResponse(stream: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}\r\n${lines.join("")}`;
  // a client that never closes its half holds nothing here
  stream.once("finish", () => stream.destroy());
  stream.end(Buffer.concat([Buffer.from(`${head}content-length: ${body.length}\r\nconnection: close\r\n\r\n`), body]));
}

function ignore(): void {
  // a stream that broke is closed, and nobody waits for an answer
}
