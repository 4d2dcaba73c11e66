import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { checkLeaks } from "@devmesh/testing";
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { openGateway, serverOf, textOf } from "./kit/gateway.ts";

checkLeaks();

const programs = [
  ["v1", new URL("./kit/sdk-v1-server.ts", import.meta.url)],
  ["v2", new URL("./kit/sdk-v2-server.ts", import.meta.url)],
] as const;

describe("a server made with an SDK", () => {
  it.each(programs)("is looked at and called: %s", async (version, { pathname }) => {
    await using kit = openGateway();
    const server = serverOf({ kind: "stdio", command: process.execPath, args: [pathname], env: {} });
    const { signal } = new AbortController();
    const { check, listing } = await kit.gateway.refresh({ tenantId: server.id as never, server }, { signal });
    expect(check).toEqual({ state: "healthy", latencyMs: expect.any(Number) });
    const [tool] = listing?.tools ?? [];
    if (tool === undefined) throw new Error("no tool");
    expect(textOf(await kit.call(server, "echo", { tool, arguments: { text: "hi" } }))).toBe("hi");
    await expect(kit.call(server, "echo", { tool, arguments: {} })).rejects.toMatchObject({ reason: "bad_arguments" });
    if (version === "v2") return;
    const wrong = kit.call(server, "echo", { tool, arguments: { text: "a", pair: ["a", "b"] } });
    await expect(wrong).rejects.toMatchObject({ details: [{ path: "arguments.pair[1]", message: "must be number" }] });
  });

  it("gets arguments as headers where its schema asks for them", async () => {
    await using http = await serveSdk();
    await using kit = openGateway();
    const inputSchema = {
      type: "object" as const,
      properties: { workspace: { type: "string", "x-mcp-header": "Workspace" } },
    };
    const result = await kit.call(serverOf({ kind: "http", url: http.url, headers: {} }), "where", {
      tool: { name: "where", inputSchema },
      arguments: { workspace: "blue" },
    });
    expect(textOf(result)).toBe("blue");
  });
});

async function serveSdk(): Promise<{ readonly url: string } & AsyncDisposable> {
  const handler = createMcpHandler(({ requestInfo }) => {
    const server = new McpServer({ name: "real", version: "1" });
    // the keyword is the protocol's, which the library's own type does not know
    const workspace = Object.assign({ type: "string" as const }, { "x-mcp-header": "Workspace" });
    const inputSchema = fromJsonSchema<object>({ type: "object", properties: { workspace } });
    server.registerTool("where", { inputSchema }, () => ({
      content: [{ type: "text", text: requestInfo?.headers.get("mcp-param-workspace") ?? "nowhere" }],
    }));
    return server;
  });
  const http = createServer((incoming, outgoing) => {
    void (async () => {
      const body = (await incoming.toArray()).join("");
      const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const answer = await handler.fetch(new Request("http://127.0.0.1/mcp", { method: "POST", headers, body }));
      outgoing.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    })();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      await handler.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
