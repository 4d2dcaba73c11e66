import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { authorization, type Connect, outputOf } from "./mcp-client.ts";

/** The SDK's first version, which knows 2025-11-25 and older. */
export const connectSdkV1: Connect = async (target) => {
  const client = new Client({ name: "sdk-v1", version: "1" });
  const requestInit = { headers: authorization(target) };
  const transport = new StreamableHTTPClientTransport(new URL(target.url), { requestInit });
  // its own types disagree where absent and undefined are told apart
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) => outputOf(await client.callTool({ name, arguments: args })),
    async [Symbol.asyncDispose]() {
      await transport.terminateSession();
      await client.close();
    },
  };
};
