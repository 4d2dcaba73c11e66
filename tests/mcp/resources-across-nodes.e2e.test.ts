import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";

type Era = "modern" | "legacy";

let node: McpNode | undefined;
let beside: Awaited<ReturnType<McpNode["startBeside"]>> | undefined;

beforeAll(async () => {
  node = await startMcpNode();
  beside = await node?.startBeside();
});
afterAll(async () => {
  await beside?.process[Symbol.asyncDispose]();
  await node?.[Symbol.asyncDispose]();
});

async function connect(url: string, apiKey: string, era: Era): Promise<Client> {
  const versionNegotiation = { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } as const;
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation });
  const requestInit = { headers: { authorization: `Bearer ${apiKey}` } };
  const hears = Promise.withResolvers<void>();
  const watching: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method === "GET") hears.resolve();
    return response;
  };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit, fetch: watching }));
  // a session's own stream is asked for in the background, and brings nothing from before
  if (era === "legacy") await hears.promise;
  return client;
}

// biome-ignore lint/suspicious/noExplicitAny: what tools answer is what the test is about
async function call(client: Client, name: string, args: object): Promise<any> {
  const { isError, structuredContent } = await client.callTool({ name, arguments: { ...args } });
  expect(isError, JSON.stringify(structuredContent)).not.toBe(true);
  return structuredContent;
}

describe.each(["modern", "legacy"] as const)("a subscription of the %s generation", (era) => {
  test("hears at one node what was done at another", async (context) => {
    if (node === undefined || beside === undefined) return context.skip();
    const there = await connect(beside.url, node.apiKey, "modern");
    const { task } = await call(there, "task_create", { type: `far.${era}` });
    for (const name of [`ear-${era}`, "mouth"]) {
      await call(there, "agent_register", { name, capabilities: [{ name: "talk" }] });
    }
    const uris = [`devmesh://tasks/${task.id}`, `devmesh://agents/ear-${era}/inbox`];
    const here = await connect(node.url, node.apiKey, era);
    const heard = new Set<string>();
    here.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.add(params.uri));
    if (era === "modern") {
      const { honoredFilter } = await here.listen({ resourceSubscriptions: uris });
      expect(honoredFilter.resourceSubscriptions).toEqual(uris);
    } else for (const uri of uris) await here.subscribeResource({ uri });
    await call(there, "message_send", { agent: "mouth", to: `ear-${era}`, kind: "note", content: "hear" });
    await call(there, "task_cancel", { taskId: task.id });
    await expect.poll(() => [...heard].sort()).toEqual([...uris].sort());
    const { contents } = await here.readResource({ uri: uris[0] ?? "" });
    expect(contents).toMatchObject([{ text: expect.stringContaining('"state":"cancelled"') }]);
    await Promise.all([here.close(), there.close()]);
  });
});
