/** A program that serves MCP over stdio with the SDK of both generations. */
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

serveStdio(() => {
  const server = new McpServer({ name: "v2", version: "1" });
  const inputSchema = fromJsonSchema<{ readonly text: string }>({
    type: "object",
    properties: { text: { type: "string" } },
    required: ["text"],
  });
  server.registerTool("echo", { inputSchema }, ({ text }) => ({ content: [{ type: "text", text }] }));
  return server;
});
