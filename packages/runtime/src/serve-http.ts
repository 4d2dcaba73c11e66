import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as TcpServer } from "node:net";
import type { Duplex } from "node:stream";
import { AppError } from "@devmesh/models";
import { getRequestListener } from "@hono/node-server";
import { errorResponse, requestIdOf } from "./http-error.ts";

/** What is served, and where. */
export interface HttpOptions {
  /** A hono app's `fetch`, or anything like it. */
  readonly fetch: (request: Request, env: unknown) => Response | Promise<Response>;
  /** 0 picks a free one. */
  readonly port: number;
  /** Default `127.0.0.1`. */
  readonly hostname?: string;
  /** The environment variable that sets the port, named when the port can't be had. */
  readonly portVariable: string;
  /** How long closing waits for responses in hand before it cuts them off. Default 20 s. */
  readonly graceMs?: number;
}

/** A server that listens; disposal ends it gracefully. */
export interface HttpServer extends AsyncDisposable {
  /** The port that is really listened on. */
  readonly port: number;
  /** For `upgrade` listeners. */
  readonly server: Server;
}

/**
 * An idle connection outlives that of a load balancer, which then is the side that closes: AWS's keeps one for 60 s.
 * Node's own 5 s resets requests that were just being sent.
 */
const keepAliveMs = 65_000;
/** A client that sends one request after the other has its next one on the way when closing begins. */
const farewellMs = 250;

/**
 * Serves HTTP/1.1 until disposed. Requests that no handler sees, such as a malformed request line, are answered in the
 * API's error shape too.
 *
 * Disposal stops accepting, and ends each connection with its next answer (`Connection: close`) or, when it has been idle
 * for a moment, as it is: no request that is on its way is cut off. Responses in hand finish, and after `graceMs` it
 * destroys what is left, upgraded sockets included: whoever upgraded them closes them first. It may be called twice.
 *
 * @throws AppError `failed_precondition` when the port is in use or not allowed, naming it and its variable.
 */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const listener = getRequestListener(options.fetch, { errorHandler: answerBadRequest });
  // a request without Host gets as far as the listener, which answers it in our shape
  const server = createServer({ requireHostHeader: false }, (request, response) => void listener(request, response));
  server.keepAliveTimeout = keepAliveMs;
  server.on("clientError", answerClientError);
  server.on("checkExpectation", (_, response) => answerExpectation(response));
  server.on("connect", (_, socket) => writeError(socket, ...notAllowed));
  const close = prepareClose(server, options.graceMs ?? 20_000);
  const port = await listen(server, options);
  let closing: Promise<void> | undefined;
  return {
    port,
    server,
    [Symbol.asyncDispose]: () => {
      closing ??= close();
      return closing;
    },
  };
}

function listen(server: Server, { port, hostname = "127.0.0.1", portVariable }: HttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(toListenError(error, port, portVariable)));
    server.listen(port, hostname, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function toListenError(error: NodeJS.ErrnoException, port: number, variable: string): AppError {
  const advice = `set ${variable} to another port`;
  if (error.code === "EADDRINUSE") {
    return new AppError("failed_precondition", `port ${port} is in use: ${advice}`, {
      reason: "port_in_use",
      cause: error,
    });
  }
  return new AppError(
    "failed_precondition",
    `can't listen on port ${port} (${error.code ?? error.message}): ${advice}`,
    {
      cause: error,
    },
  );
}

function prepareClose(server: Server, graceMs: number): () => Promise<void> {
  const sockets = new Set<Duplex>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  server.prependListener("request", (_: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive &&= !isClosing;
    responses.add(response);
    response.once("close", () => responses.delete(response));
  });
  return async () => {
    isClosing = true;
    for (const response of responses) response.shouldKeepAlive = false;
    const cutOff = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    // the listener alone: closing as an HTTP server would close idle connections at once, with requests on their way
    const closed = new Promise<void>((resolve) => TcpServer.prototype.close.call(server, () => resolve()));
    const startedAt = performance.now();
    // A connection that turns idle would otherwise stay until its keep-alive time is over.
    const closeWhenAnswered = setInterval(() => {
      if (performance.now() - startedAt >= farewellMs) server.closeIdleConnections();
    }, 50);
    await closed;
    clearTimeout(cutOff);
    clearInterval(closeWhenAnswered);
    // not listening any more, it says so: what is left of it is a timer that looks for slow requests
    server.close(() => undefined);
  };
}

/** A request whose target or Host header makes no URL never reaches the app. */
function answerBadRequest(): Response {
  return errorResponse(
    new AppError("invalid_argument", "malformed request target or Host header"),
    requestIdOf(undefined),
  );
}

const parserErrors: Readonly<Record<string, readonly [string, AppError]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    new AppError("resource_exhausted", "request headers exceed the limit of 16384 bytes"),
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    new AppError("deadline_exceeded", "the request took too long to arrive"),
  ],
};
const malformed = ["400 Bad Request", new AppError("invalid_argument", "malformed HTTP request")] as const;
const notAllowed = ["405 Method Not Allowed", new AppError("invalid_argument", "this is no proxy")] as const;

function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  writeError(socket, ...(parserErrors[error.code ?? ""] ?? malformed));
}

function answerExpectation(response: ServerResponse): void {
  const requestId = requestIdOf(undefined);
  const error = { code: "invalid_argument", message: "no expectation but 100-continue is met", requestId };
  const headers = { "content-type": "application/json", "x-request-id": requestId, connection: "close" };
  response.writeHead(417, headers).end(JSON.stringify({ error }));
}

/** Answers where there is no response object, and ends the connection. */
function writeError(socket: Duplex, status: string, appError: AppError): void {
  const requestId = requestIdOf(undefined);
  const body = JSON.stringify({ error: { code: appError.code, message: appError.message, requestId } });
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\nx-request-id: ${requestId}`;
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
