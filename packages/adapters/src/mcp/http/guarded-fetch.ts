import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { AppError } from "@devmesh/models";
import { isAllowedAddress } from "./address-rules.ts";
import type { FindAddresses } from "./find-addresses.ts";
import { addressNotAllowed, assertUrlAllowed, type UrlRules } from "./url-rules.ts";

/** Where requests may go, and how much may come back. */
export interface GuardedFetchOptions extends UrlRules {
  /** Of one response. */
  readonly maxResponseBytes: number;
  /** Connections at once. */
  readonly maxSockets: number;
  readonly findAddresses: FindAddresses;
}

/** A fetch of its own connections. Disposing ends them. */
export interface GuardedFetch extends Disposable {
  /**
   * Sends one request. Redirects are answers as any other: they aren't followed. Nothing of this process is sent along, no proxy of its
   * environment is asked.
   *
   * @throws AppError `failed_precondition`, reason `address_not_allowed`; `unavailable`, reason `tool_unreachable`; in the middle
   * of a body, `resource_exhausted`, reason `output_too_large`, which `onBroken` is told as well.
   */
  fetch(url: string | URL, init?: RequestInit, onBroken?: (error: AppError) => void): Promise<Response>;
}

/** An idle connection is closed before the server does so, by the 5 s of most: a call on one that closes would be lost. */
const keepAliveMs = 4_000;
/** A response with one of these has no body, and `Response` takes none. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/** Makes the fetch of one server. Addresses are looked at when a connection is made, so that no name can change its mind. */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const { maxSockets, maxResponseBytes } = options;
  const agentOptions = { keepAlive: true, timeout: keepAliveMs, maxSockets, lookup: guardedLookup(options) };
  const agents = { http: new HttpAgent(agentOptions), https: new HttpsAgent(agentOptions) };

  function send(url: URL, init: RequestInit): Promise<IncomingMessage> {
    const isSecure = url.protocol === "https:";
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = (isSecure ? httpsRequest : httpRequest)(url, {
      agent: isSecure ? agents.https : agents.http,
      method: init.method ?? "GET",
      headers: { ...Object.fromEntries(new Headers(init.headers)), "accept-encoding": "identity" },
      ...(init.signal && { signal: init.signal }),
    });
    request.once("response", resolve);
    request.once("error", (cause) => reject(toFetchError(cause, url, init.signal)));
    request.end(bodyOf(init));
    return promise;
  }

  async function guardedFetch(
    input: string | URL,
    init: RequestInit = {},
    onBroken?: (error: AppError) => void,
  ): Promise<Response> {
    const url = new URL(input);
    assertUrlAllowed(url, options);
    const message = await send(url, init);
    const status = message.statusCode ?? 0;
    if (status < 200 || status > 599) {
      message.destroy();
      throw new AppError("unavailable", `tool server at ${url.host} answered with HTTP ${status}`, {
        reason: "tool_unreachable",
      });
    }
    const headers = new Headers();
    for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
      headers.append(message.rawHeaders[at] ?? "", message.rawHeaders[at + 1] ?? "");
    }
    if (bodiless.has(status)) {
      message.resume();
      return new Response(null, { status, headers });
    }
    const body = Readable.from(bounded(message, maxResponseBytes, onBroken), { objectMode: false });
    return new Response(Readable.toWeb(body) as ReadableStream, { status, headers });
  }

  return {
    fetch: guardedFetch,
    [Symbol.dispose]: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

async function* bounded(
  message: IncomingMessage,
  maxBytes: number,
  onBroken?: (error: AppError) => void,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const what = `the tool server answered with more than ${maxBytes} bytes`;
      const error = new AppError("resource_exhausted", what, { reason: "output_too_large" });
      onBroken?.(error);
      throw error;
    }
    yield chunk;
  }
}

/** A lookup that gives allowed addresses only, and fails where there is none. What it gives is what is connected to. */
function guardedLookup({ findAddresses, ...rules }: GuardedFetchOptions): LookupFunction {
  return (hostname, options, callback) => {
    findAddresses(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => isAllowedAddress(address, rules));
        const [first] = allowed;
        if (first === undefined) callback(addressNotAllowed(`${hostname} has no address that is allowed`), "", 0);
        else if (options.all === true) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (cause: NodeJS.ErrnoException) => callback(notFound(hostname, cause), "", 0),
    );
  };
}

/** A name server that refuses, or is silent, must not be taken for the tool server. */
function notFound(hostname: string, cause: NodeJS.ErrnoException): AppError {
  const message = `the address of tool server ${hostname} can't be looked up: ${cause.code ?? cause.name}`;
  return new AppError("unavailable", message, { reason: "tool_unreachable", cause });
}

function toFetchError(cause: Error, url: URL, signal: AbortSignal | null | undefined): Error {
  if (cause instanceof AppError || signal?.aborted === true) return cause;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  return new AppError("unavailable", `tool server at ${url.host} can't be reached: ${code}`, {
    reason: "tool_unreachable",
    cause,
  });
}

/** The client sends text, or nothing. */
function bodyOf({ body }: RequestInit): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return body;
  throw new TypeError("the body of a request is a text");
}
