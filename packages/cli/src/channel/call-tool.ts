import { Client, SdkHttpError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describeFailure, messageIn } from "../bridge/refusal.ts";

/** Calls tools of a mesh; disposal closes the connection. */
export interface ToolCaller extends AsyncDisposable {
  /**
   * Gives the structured content of what the tool answered.
   *
   * @throws Error that says why the tool refused, or what happened on the way.
   */
  call(name: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown>;
}

/** A call that may wait 25 s for an item has this long. */
const timeoutMs = 40_000;

/** Connects with the first call, and again after a failure. */
export function createToolCaller(url: URL, requestInit: RequestInit): ToolCaller {
  let connected: Promise<Client> | undefined;

  async function connect(): Promise<Client> {
    const client = new Client({ name: "devmesh-mcp", version: "0" }, { versionNegotiation: { mode: "auto" } });
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
    return client;
  }

  async function close(): Promise<void> {
    const client = await connected?.catch(() => undefined);
    connected = undefined;
    await client?.close();
  }

  return {
    async call(name, args, signal) {
      connected ??= connect();
      try {
        const client = await connected;
        const result = await client.callTool({ name, arguments: args }, { signal, timeout: timeoutMs });
        if (result.isError !== true) return result.structuredContent;
        throw new Error(textOf(result.content));
      } catch (error) {
        await close();
        throw isOnTheWay(error) ? new Error(describeFailure(error, url), { cause: error }) : error;
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

/** What is no word of the mesh about the call. */
function isOnTheWay(error: unknown): boolean {
  return error instanceof SdkHttpError || (error instanceof TypeError && error.cause !== undefined);
}

function textOf(content: readonly { readonly type: string; readonly text?: unknown }[]): string {
  const texts = content.flatMap(({ type, text }) => (type === "text" && typeof text === "string" ? [text] : []));
  const text = texts.join("\n");
  return messageIn(text) ?? (text || "the tool failed");
}
