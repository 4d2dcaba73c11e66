import { experimental_createMCPClient as createClient } from "@ai-sdk/mcp";
import { authorization, type Connect, outputOf } from "./mcp-client.ts";

/** The client of the AI SDK. */
export const connectAiSdk: Connect = async (target) => {
  const client = await createClient({
    transport: { type: "http", url: target.url, headers: { ...authorization(target) } },
  });
  return {
    listTools: async () => Object.keys(await client.tools()),
    call: async (name, args) => outputOf(await client.callTool({ name, arguments: { ...args } })),
    [Symbol.asyncDispose]: () => client.close(),
  };
};
