import { AsyncLocalStorage } from "node:async_hooks";
import type { AppError } from "@devmesh/models";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type ConnectOptions, connectClient } from "./connect-client.ts";
import type { GuardedFetch } from "./http/guarded-fetch.ts";
import type { OpenedClient } from "./mcp-connection.ts";
import { noAnswer, type RequestScope, screenTransport } from "./screened-transport.ts";
import type { Child } from "./stdio/child.ts";
import type { ReaderLimits } from "./stdio/message-reader.ts";
import { stdioTransport } from "./stdio/stdio-transport.ts";

/** An address, what is sent along, and the way there, which the client disposes of. */
export interface HttpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly http: GuardedFetch;
}

/** An answer that broke off is asked for again so often, where the server gave it a number. */
const reconnectionOptions = {
  maxRetries: 2,
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 5_000,
  reconnectionDelayGrowFactor: 2,
};
/** A server that is on its way out isn't waited for. */
const endSessionMs = 1_000;

/** Opens a client of a program, which it starts. */
export function openStdioClient(
  startProgram: () => Promise<Child>,
  limits: ReaderLimits,
  options: ConnectOptions,
): Promise<OpenedClient> {
  const inner = stdioTransport(startProgram, limits);
  const screen = screenTransport(inner, { scopes: new AsyncLocalStorage(), isStdio: true });
  inner.onbadanswer = (id) => screen.fail(id, noAnswer());
  inner.isawaited = (id) => screen.isAwaited(id);
  return connectClient(screen, { failure: () => inner.failure, close: () => inner.close() }, options);
}

/** Opens a client of an address. */
export function openHttpClient({ url, headers, http }: HttpTarget, options: ConnectOptions): Promise<OpenedClient> {
  const scopes = new AsyncLocalStorage<RequestScope>();
  const inner = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers } },
    reconnectionOptions,
    fetch: (address, init = {}) => {
      // the stream of what nobody asked for: nobody would read it
      const isOpenEnded = init.method === "GET" && !new Headers(init.headers).has("last-event-id");
      if (isOpenEnded) return Promise.resolve(new Response(null, { status: 405 }));
      const scope = scopes.getStore();
      if (scope === undefined) return http.fetch(address, init);
      const signals = init.signal ? [init.signal, scope.signal] : [scope.signal];
      const onBroken = (error: AppError): void => screen.fail(scope.id, error);
      const answer = http.fetch(address, { ...init, signal: AbortSignal.any(signals) }, onBroken);
      return answer.then((response) => {
        scope.isWhole = response.headers.get("content-type")?.startsWith("text/event-stream") !== true;
        return response;
      });
    },
  });
  const screen = screenTransport(inner, { scopes, isStdio: false });
  const tellClient = inner.onerror;
  inner.onerror = (error) => {
    const id = scopes.getStore()?.id;
    if (id !== undefined && isUnreadable(error)) screen.fail(id, noAnswer());
    tellClient?.(error);
  };
  const close = async (): Promise<void> => {
    const tooLong = AbortSignal.timeout(endSessionMs);
    await Promise.race([inner.terminateSession().catch(() => undefined), aborted(tooLong)]);
    await inner.close();
    http[Symbol.dispose]();
  };
  return connectClient(screen, { failure: () => undefined, close }, options);
}

/** What came in a stream of events and was no message: JSON's own word, or the schema's. */
function isUnreadable(error: Error): boolean {
  return error.name === "SyntaxError" || error.name === "ZodError" || error.name === "$ZodError";
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
