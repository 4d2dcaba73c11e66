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
    if (error.status === 401) return refusedKey(url);
    const doubt = error.status === 404 ? " (is that the address of its /mcp?)" : "";
    return `the mesh at ${url.href} answered ${error.status}: ${textOf(error)}${doubt}`;
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `the mesh at ${url.href} can't be reached: ${inOneLine(cause instanceof Error ? cause.message : String(cause))}`;
}

function refusedKey(url: URL): string {
  return `the mesh at ${url.href} refused the key in DEVMESH_API_KEY`;
}

function textOf({ data, message }: SdkHttpError): string {
  const { text } = data as { text?: unknown };
  if (typeof text !== "string" || text === "") return inOneLine(message);
  return inOneLine(messageIn(text) ?? text);
}

/** The message of an error as the mesh's doors and tools give it; undefined for anything else. */
export function messageIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === "string" ? error.message : undefined;
  } catch {
    return undefined;
  }
}

/** A page of HTML, or what a TLS library says, in a line of bounded length. */
function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 300);
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
