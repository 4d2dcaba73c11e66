import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import { PROTOCOL_VERSION_META_KEY } from "@modelcontextprotocol/server";

/** A message with a method and an id: the other side owes an answer. */
export type JSONRPCRequestMessage = Extract<JSONRPCMessage, { method: string; id: RequestId }>;
/** A result or an error. */
export type JSONRPCAnswer = Exclude<JSONRPCMessage, { method: string }>;

/** True for a request, false for notifications and answers. */
export function isRequest(message: JSONRPCMessage): message is JSONRPCRequestMessage {
  return "method" in message && "id" in message;
}

/** True for a result or an error. */
export function isAnswer(message: JSONRPCMessage): message is JSONRPCAnswer {
  return !("method" in message);
}

/** The revision that a request of 2026-07-28 and later names in itself; undefined in older ones. */
export function revisionOf(message: JSONRPCMessage): string | undefined {
  if (!("method" in message)) return undefined;
  const { _meta: meta } = (message.params ?? {}) as { _meta?: Readonly<Record<string, unknown>> };
  const revision = meta?.[PROTOCOL_VERSION_META_KEY];
  return typeof revision === "string" ? revision : undefined;
}

/** The request that `notifications/cancelled` is about. */
export function cancelledId(message: JSONRPCMessage): RequestId | undefined {
  if (!("method" in message) || message.method !== "notifications/cancelled") return undefined;
  const { requestId } = (message.params ?? {}) as { requestId?: unknown };
  return typeof requestId === "string" || typeof requestId === "number" ? requestId : undefined;
}
