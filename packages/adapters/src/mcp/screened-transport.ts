import type { AsyncLocalStorage } from "node:async_hooks";
import { AppError } from "@devmesh/models";
import type { JSONRPCMessage, RequestId, Transport, TransportSendOptions } from "@modelcontextprotocol/client";

/** The request that is being sent, or whose answer is being read, wherever that is asked within its asynchronous context. */
export interface RequestScope {
  readonly id: RequestId;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Set once what came back is one document, and no stream: the answer is in it, or there is none. */
  isWhole: boolean;
}

/** A transport whose messages are looked at before the client sees them. */
export interface ScreenedTransport extends Transport {
  /** True for a request whose answer has not come, and whose caller has not gone. */
  isAwaited(id: RequestId): boolean;
  /** Ends one request with an error of ours: the client throws one that {@link failureIn} finds it in. */
  fail(id: RequestId, error: AppError): void;
}

/** What screening stands on. */
export interface ScreenOptions {
  /** Carries the request to where bytes are read. */
  readonly scopes: AsyncLocalStorage<RequestScope>;
  /** Programs may be silent about what they don't know: the client asks them in another way then. */
  readonly isStdio: boolean;
}

/** Where the tools of a list stand once it was screened: unread, as one that is nonsense would cost all the others. */
export const rawToolsKey = "devmesh/tools";
/** No code of the protocol's, nor of a server's that keeps to it. */
const failureCode = -32_099;

/** Puts a screen before a transport; what it calls `inner` is nobody else's. */
export function screenTransport(inner: Transport, { scopes, isStdio }: ScreenOptions): ScreenedTransport {
  const endings = new Map<RequestId, AbortController>();
  const lists = new Set<RequestId>();

  function settle(id: RequestId): void {
    endings.delete(id);
    lists.delete(id);
  }

  /** Nobody waits for it any more, and nothing of it is read. */
  function drop(id: RequestId): void {
    const ending = endings.get(id);
    settle(id);
    ending?.abort();
  }

  const outer: ScreenedTransport = {
    // the client tells a program by these
    ...(isStdio && { stderr: null, pid: null }),
    ...(inner.hasPerRequestStream !== undefined && { hasPerRequestStream: inner.hasPerRequestStream }),
    get sessionId() {
      return inner.sessionId;
    },
    setProtocolVersion: (version) => inner.setProtocolVersion?.(version),
    start: () => inner.start(),
    close: () => inner.close(),
    send: (message, options) => {
      const cancelled = cancelledIn(message);
      if (cancelled !== undefined) drop(cancelled);
      if (!("method" in message && "id" in message)) {
        return scopes.exit(() => inner.send(message, options));
      }
      const { id } = message;
      const ending = new AbortController();
      endings.set(id, ending);
      if (message.method === "tools/list") lists.add(id);
      options?.requestSignal?.addEventListener("abort", () => settle(id), { once: true });
      const onRequestStreamEnd = (): void => outer.fail(id, brokeOff());
      const scope: RequestScope = { id, signal: ending.signal, isWhole: false };
      return scopes.run(scope, async () => {
        try {
          await inner.send(message, { ...options, onRequestStreamEnd } satisfies TransportSendOptions);
        } catch (error) {
          drop(id);
          throw error;
        }
        if (scope.isWhole) outer.fail(id, noAnswer());
      });
    },
    isAwaited: (id) => endings.has(id),
    fail: (id, error) => {
      const ending = endings.get(id);
      if (ending === undefined) return;
      settle(id);
      outer.onmessage?.({ jsonrpc: "2.0", id, error: { code: failureCode, message: error.message, data: error } });
      ending.abort();
    },
  };
  inner.onmessage = (message, extra) => {
    const id = answeredBy(message);
    const screened = id !== undefined && lists.has(id) ? setToolsAside(message) : message;
    if (id === undefined) {
      outer.onmessage?.(screened, extra);
      return;
    }
    settle(id);
    // the client hears of progress a moment later, and forgets about it with the answer: the answer comes after that
    queueMicrotask(() => outer.onmessage?.(screened, extra));
  };
  inner.onerror = (error) => outer.onerror?.(error);
  inner.onclose = () => {
    endings.clear();
    lists.clear();
    outer.onclose?.();
  };
  return outer;
}

/** Our own error in one of the client's. No server can put it there: what comes from outside is JSON. */
export function failureIn(error: unknown): AppError | undefined {
  if (typeof error !== "object" || error === null || !("data" in error)) return undefined;
  return error.data instanceof AppError ? error.data : undefined;
}

function answeredBy(message: JSONRPCMessage): RequestId | undefined {
  return "method" in message || !("id" in message) ? undefined : message.id;
}

function cancelledIn(message: JSONRPCMessage): RequestId | undefined {
  if (!("method" in message) || message.method !== "notifications/cancelled") return undefined;
  const id = message.params?.["requestId"];
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

function setToolsAside(message: JSONRPCMessage): JSONRPCMessage {
  if (!("result" in message) || !Array.isArray(message.result["tools"])) return message;
  const { tools, _meta, ...rest } = message.result;
  return { ...message, result: { ...rest, tools: [], _meta: { ..._meta, [rawToolsKey]: tools } } };
}

/** What came under the name of an answer. */
export function noAnswer(): AppError {
  return new AppError("unavailable", "the tool server answered what is no answer", { reason: "bad_answer" });
}

function brokeOff(): AppError {
  return new AppError("unavailable", "the tool server broke off its answer", { reason: "tool_crashed" });
}
