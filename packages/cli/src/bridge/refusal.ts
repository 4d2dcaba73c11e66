import { SdkHttpError, UnauthorizedError } from "@modelcontextprotocol/client";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isAnswer, type JSONRPCRequestMessage } from "./messages.ts";

const internalError = -32603;

/** True where the mesh does not know the session any more: the client is to begin another. */
export function isSessionLost(error: unknown): boolean {
  return error instanceof SdkHttpError && error.status === 404;
}

/**
 * The answer to a request that the mesh refused, or that did not reach it: the mesh's own error where it sent one, else
 * one that says what happened.
 */
export function toErrorAnswer({ id }: JSONRPCRequestMessage, error: unknown, url: URL): JSONRPCMessage {
  const own = error instanceof SdkHttpError ? readError(error.data["text"]) : undefined;
  if (own !== undefined) return { ...own, id };
  return { jsonrpc: "2.0", id, error: { code: internalError, message: describeFailure(error, url) } };
}

/** What went wrong, for a person. */
export function describeFailure(error: unknown, url: URL): string {
  if (error instanceof UnauthorizedError) return refusedKey(url);
  if (error instanceof SdkHttpError) {
    return error.status === 401
      ? refusedKey(url)
      : `the mesh at ${url.href} answered ${error.status}: ${textOf(error)}`;
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `the mesh at ${url.href} can't be reached: ${cause instanceof Error ? cause.message : String(cause)}`;
}

function refusedKey(url: URL): string {
  return `the mesh at ${url.href} refused the key in DEVMESH_API_KEY`;
}

function textOf({ data, message }: SdkHttpError): string {
  const { text } = data as { text?: unknown };
  return typeof text === "string" && text !== "" ? text : message;
}

function readError(text: unknown): JSONRPCMessage | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const message = JSON.parse(text) as JSONRPCMessage;
    return isAnswer(message) && "error" in message && typeof message.error?.code === "number" ? message : undefined;
  } catch {
    return undefined;
  }
}
