import { type AppError, cleanText, type ExternalTool, type ToolProgress, type ToolResult } from "@devmesh/models";
import type { CallToolRequestParams, Client, Progress, RequestOptions } from "@modelcontextprotocol/client";
import type { HideSecrets } from "./hide-secrets.ts";
import { toMcpError } from "./mcp-error.ts";
import { rawToolsKey } from "./screened-transport.ts";
import { toToolResult } from "./tool-result.ts";

/** One call of a tool under the name that its server knows. */
export interface McpCall {
  /** The input schema says which arguments are wanted as headers, too. */
  readonly tool: ExternalTool;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly traceparent?: string | undefined;
  readonly onProgress?: ((progress: ToolProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A server that answered the handshake. Disposing ends its process, or its session; calls under way end with it. */
export interface McpConnection extends AsyncDisposable {
  /** False for good once the other side went, or broke the protocol. */
  readonly isOpen: boolean;
  /** Everything that the server calls its tools, unread: at most some more than the 1,000 that can be kept. */
  listTools(options: { readonly signal: AbortSignal }): Promise<readonly unknown[]>;
  call(call: McpCall): Promise<ToolResult>;
}

/** What there is of a connection that was made. */
export interface OpenedClient {
  readonly client: Client;
  readonly server: string;
  readonly hide: HideSecrets;
  /** Why it is over, once it is. */
  failure(): AppError | undefined;
  /** An answer, or none at all, said that what comes next needs a new handshake. */
  giveUp(error: AppError): void;
  close(): Promise<void>;
}

/** Time is the caller's affair: its signal ends what takes too long. */
const noTimeoutMs = 2_147_483_647;
const maxPages = 64;
const maxTools = 1_100;
/** Of all pages as JSON: twice what can be kept. What is asked for beyond it would only be held. */
const maxListBytes = 8_388_608;
const maxProgressMessage = 1_000;
/** After these a connection over HTTP may have lost its session. */
const doubtful: ReadonlySet<string> = new Set(["tool_unreachable", "tool_crashed"]);

/** The port's form of an opened client. */
export function mcpConnection(opened: OpenedClient): McpConnection {
  const { client, server, hide } = opened;

  async function ask<T>(signal: AbortSignal, question: (options: RequestOptions) => Promise<T>): Promise<T> {
    try {
      return await question({ signal, timeout: noTimeoutMs });
    } catch (caught) {
      const error = toMcpError(caught, { server, hide, isCancelled: signal.aborted, failure: opened.failure() });
      if (doubtful.has(error.reason ?? "")) opened.giveUp(error);
      throw error;
    }
  }

  async function listTools({ signal }: { readonly signal: AbortSignal }): Promise<readonly unknown[]> {
    if (client.getServerCapabilities()?.tools === undefined) return [];
    const tools: unknown[] = [];
    let cursor: string | undefined;
    let bytes = 0;
    for (let page = 0; page < maxPages && tools.length < maxTools && bytes < maxListBytes; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const result = await ask(signal, (options) => client.request({ method: "tools/list", params }, options));
      const raw = result._meta?.[rawToolsKey];
      if (Array.isArray(raw)) {
        tools.push(...raw.slice(0, maxTools));
        bytes += sizeOf(raw);
      }
      if (result.nextCursor === undefined || result.nextCursor === cursor) break;
      cursor = result.nextCursor;
    }
    return tools;
  }

  async function call({ tool, arguments: values, traceparent, onProgress, signal }: McpCall): Promise<ToolResult> {
    const params: CallToolRequestParams = {
      name: tool.name,
      arguments: { ...values },
      ...(traceparent !== undefined && { _meta: { traceparent } }),
    };
    const result = await ask(signal, (options) =>
      client.callTool(params, {
        ...options,
        // without an output schema: what a server promises of its output is not compiled on this thread
        toolDefinition: { name: tool.name, inputSchema: tool.inputSchema },
        ...(onProgress !== undefined && { onprogress: (progress) => onProgress(toProgress(progress)) }),
      }),
    );
    return toToolResult(result);
  }

  return {
    get isOpen() {
      return opened.failure() === undefined;
    },
    listTools,
    call,
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

/** As JSON, in UTF-16 units. What nests deeper than can be written counts as the most. */
function sizeOf(tools: readonly unknown[]): number {
  try {
    return JSON.stringify(tools).length;
  } catch {
    return maxListBytes;
  }
}

function toProgress({ progress, total, message }: Progress): ToolProgress {
  return {
    progress,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message: cleanText(message, maxProgressMessage) }),
  };
}
