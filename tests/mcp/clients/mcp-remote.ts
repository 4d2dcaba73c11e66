import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { authorization, type Connect, outputOf } from "./mcp-client.ts";

const program = fileURLToPath(new URL("../../node_modules/mcp-remote/dist/proxy.js", import.meta.url));

/** mcp-remote: what hosts that only start programs put between. */
export const connectMcpRemote: Connect = async (target) => {
  const client = new Client({ name: "mcp-remote", version: "1" });
  const header = `Authorization:${authorization(target).authorization}`;
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [program, target.url, "--allow-http", "--transport", "http-only", "--header", header],
      stderr: "ignore",
    }),
  );
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) => outputOf(await client.callTool({ name, arguments: args })),
    [Symbol.asyncDispose]: () => client.close(),
  };
};
