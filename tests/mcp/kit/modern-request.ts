/** A request of the generation of 2026-07-28, as a client sends it. */
export interface ModernRequest {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** What the client declares. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const version = "2026-07-28";

/** Sends it to the node at `url`; the caller reads the answer, which may be a stream. */
export function sendModern(url: string, apiKey: string, request: ModernRequest): Promise<Response> {
  const { method, params = {}, capabilities = {}, headers, signal } = request;
  const name = params["name"] ?? params["uri"];
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const sent = { ...params, _meta: { ...meta, ...(params["_meta"] as object | undefined) } };
  return fetch(`${url}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": version,
      "mcp-method": method,
      ...(typeof name === "string" && { "mcp-name": name }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: sent }),
    ...(signal !== undefined && { signal }),
  });
}
