import { serveHttp } from "@devmesh/runtime";
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";

/** An MCP server over HTTP, of the official SDK, that tells what it was sent. */
export interface WeatherServer extends AsyncDisposable {
  readonly url: string;
  /** The headers of each request. */
  readonly requests: readonly Headers[];
}

export async function startWeatherServer(): Promise<WeatherServer> {
  const requests: Headers[] = [];
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "weather", version: "1" });
    server.registerTool(
      "forecast",
      {
        title: "Forecast",
        description: "Tells whether it will rain.",
        inputSchema: fromJsonSchema<{ readonly city: string }>({
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
        }),
        annotations: { readOnlyHint: true },
      },
      ({ city }) => ({ content: [{ type: "text", text: `Rain in ${city}` }], structuredContent: { city, rain: true } }),
    );
    return server;
  });
  const http = await serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    portVariable: "PORT",
    graceMs: 100,
    fetch: (request) => {
      requests.push(request.headers);
      return handler.fetch(request);
    },
  });
  return {
    url: `http://127.0.0.1:${http.port}/mcp`,
    requests,
    [Symbol.asyncDispose]: async () => {
      await handler.close();
      await http[Symbol.asyncDispose]();
    },
  };
}
