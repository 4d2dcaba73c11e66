/** A JSON-RPC id that can be echoed. */
export type EchoedId = string | number | null;

/** The id of a message, as an answer to it names it; null where it has none. */
export function echoedId(message: unknown): EchoedId {
  if (typeof message !== "object" || message === null || !("id" in message)) return null;
  return typeof message.id === "string" || typeof message.id === "number" ? message.id : null;
}

/** The method of a message; undefined for an answer, and for what is none. */
export function methodOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !("method" in message)) return undefined;
  return typeof message.method === "string" ? message.method : undefined;
}
