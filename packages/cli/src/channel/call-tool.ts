import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

/** Calls tools of a mesh; disposal closes the connection. */
export interface ToolCaller extends AsyncDisposable {
  /**
   * Gives the structured content of what the tool answered.
   *
   * @throws Error with the tool's text where it failed.
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
        throw error;
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

function textOf(content: readonly { readonly type: string; readonly text?: unknown }[]): string {
  const texts = content.flatMap(({ type, text }) => (type === "text" && typeof text === "string" ? [text] : []));
  return texts.join("\n") || "the tool failed";
}
