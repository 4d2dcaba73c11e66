// The SDK's own server, to be measured beside: argv is how many tools it has. No credential, nothing behind it; each
// tool answers with a task that was made before. Tells its parent its port.
import { once } from "node:events";
import { serve } from "@hono/node-server";
import { createMcpHonoApp } from "@modelcontextprotocol/hono";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { bareTool, exampleTask } from "./requests.ts";

const count = Number(process.argv[2]);
process.once("disconnect", () => process.exit());

const inputSchema = z.object({ taskId: z.string() });
const outputSchema = z.looseObject({ id: z.string(), state: z.string(), attempt: z.number() });
const answer = {
  content: [{ type: "text" as const, text: JSON.stringify(exampleTask) }],
  structuredContent: exampleTask,
};

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "bare", version: "1.0.0" });
  for (let index = 0; index < count; index++) {
    const about = { title: "A task", description: "Gives a task by its id.", inputSchema, outputSchema };
    server.registerTool(index === 0 ? bareTool : `${bareTool}_${index}`, about, () => answer);
  }
  return server;
});
const app = createMcpHonoApp();
app.all("/mcp", (c) => handler.fetch(c.req.raw, { parsedBody: c.get("parsedBody" as never) }));
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
if (!server.listening) await once(server, "listening");
process.send?.({ port: (server.address() as { port: number }).port });
