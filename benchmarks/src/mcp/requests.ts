/** The bare server's tool. */
export const bareTool = "task_get";

/** A task as it is given, of the size of ours. */
export const exampleTask = {
  id: "0199a1b2-0000-7000-8000-0000000000aa",
  type: "bench.wait",
  state: "queued",
  requirements: { capabilities: ["bench.wait"], minLevel: 1, tags: {} },
  strategy: "capability_match",
  priority: 5,
  maxAttempts: 3,
  timeoutMs: 600_000,
  dependsOn: [],
  labels: [],
  attempt: 0,
  input: { text: "what is asked for" },
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};

/** A request as it goes over HTTP. */
export interface McpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const revision = "2026-07-28";
const meta = {
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
};

/** `tools/list` of the newer generation. */
export function listRequest(apiKey?: string): McpRequest {
  return toRequest({ method: "tools/list", params: {} }, { apiKey });
}

/** `tools/call` of a tool that gives a task. */
export function callRequest(tool: string, taskId: string, apiKey?: string): McpRequest {
  return toRequest({ method: "tools/call", params: { name: tool, arguments: { taskId } } }, { apiKey, name: tool });
}

function toRequest(
  { method, params }: { readonly method: string; readonly params: object },
  { apiKey, name }: { readonly apiKey?: string | undefined; readonly name?: string },
): McpRequest {
  return {
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": name }),
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: meta } }),
  };
}
