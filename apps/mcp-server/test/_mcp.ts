import { type CallToolRequestOptions, Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

/** What a client shows to its person, and how that one answers. */
export type AnswerForm = (form: { readonly message: string }) => {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: Record<string, string>;
};

export interface McpClientOptions {
  readonly port: number;
  readonly key: string;
  readonly era?: "modern" | "legacy";
  /** Without it the client shows no forms. */
  readonly answer?: AnswerForm;
}

// biome-ignore lint/suspicious/noExplicitAny: what tools answer is what the tests are about
export type Output = any;

/** A client of the official SDK that is connected to a node. */
export interface McpClient extends AsyncDisposable {
  readonly client: Client;
  /** The structured content of a call that succeeded. */
  call(tool: string, args?: object, options?: CallToolRequestOptions): Promise<Output>;
  /** The error that a call came to. */
  refused(tool: string, args?: object): Promise<Output>;
}

export async function connectMcp({ port, key, era = "modern", answer }: McpClientOptions): Promise<McpClient> {
  const capabilities = answer === undefined ? {} : { elicitation: { form: {} } };
  const client = new Client(
    { name: "test", version: "1" },
    { capabilities, versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } },
  );
  if (answer !== undefined) {
    client.setRequestHandler("elicitation/create", ({ params }) => answer(params));
  }
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  const { hears, fetch: watching } = watchOwnStream();
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit, fetch: watching }));
  if (era === "legacy") await hears;
  const callTool: McpClient["call"] = (name, args = {}, options) =>
    client.callTool({ name, arguments: { ...args } }, options);
  return {
    client,
    async call(tool, args, options) {
      const { isError, structuredContent } = await callTool(tool, args, options);
      if (isError === true) throw new Error(`${tool}: ${JSON.stringify(structuredContent)}`);
      return structuredContent;
    },
    async refused(tool, args) {
      const { isError, structuredContent, content } = await callTool(tool, args);
      if (isError !== true) throw new Error(`${tool} was not refused: ${JSON.stringify(structuredContent)}`);
      if (JSON.stringify(structuredContent) !== content[0].text)
        throw new Error("the text is another than the content");
      return structuredContent.error;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Resolves `hears` once a client has its own stream: it is asked for in the background, and brings nothing from before. */
function watchOwnStream(): { readonly hears: Promise<void>; readonly fetch: typeof fetch } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    hears: promise,
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (init?.method === "GET") resolve();
      return response;
    },
  };
}
