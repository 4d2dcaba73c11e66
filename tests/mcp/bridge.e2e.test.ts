import { fileURLToPath } from "node:url";
import { givenServices, startProcess } from "@devmesh/testing";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";

const program = fileURLToPath(new URL("../../packages/cli/src/devmesh-mcp.ts", import.meta.url));
const programArgs = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning", program];

interface Bridged extends AsyncDisposable {
  readonly client: Client;
  /** The params of what was pushed into the client's session. */
  readonly pushed: readonly unknown[];
}

type Era = "legacy" | "modern";

let node: McpNode;
beforeAll(async () => {
  const started = await startMcpNode();
  if (started !== undefined) node = started;
});
afterAll(() => node?.[Symbol.asyncDispose]());

/** A client that starts the bridge as its server. */
async function connect(
  { url, apiKey }: Pick<McpNode, "url" | "apiKey">,
  era: Era,
  args: readonly string[] = [],
): Promise<Bridged> {
  const client = new Client(
    { name: "bridged", version: "1" },
    { versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } },
  );
  const pushed: unknown[] = [];
  client.fallbackNotificationHandler = async ({ params }) => void pushed.push(params);
  const env = { DEVMESH_API_KEY: apiKey, DEVMESH_MCP_URL: `${url}/mcp` };
  const command = { command: process.execPath, args: [...programArgs, ...args] };
  await client.connect(new StdioClientTransport({ ...command, env, stderr: "ignore" }));
  return { client, pushed, [Symbol.asyncDispose]: () => client.close() };
}

async function callTool(client: Client, name: string, args: object): Promise<Record<string, unknown>> {
  const { isError, structuredContent } = await client.callTool({ name, arguments: { ...args } });
  expect(isError, JSON.stringify(structuredContent)).not.toBe(true);
  return structuredContent as Record<string, unknown>;
}

describe.skipIf(givenServices().databaseUrl === undefined)("devmesh-mcp", () => {
  test.each(["modern", "legacy"] as const)("a client of the %s generation works a task over stdio", async (era) => {
    await using bridged = await connect(node, era);
    const { client } = bridged;
    const agent = `stdio-${era}`;
    await callTool(client, "agent_register", { name: agent, capabilities: [{ name: `bridge.${era}` }] });
    await callTool(client, "task_create", { type: `bridge.${era}`, input: { text: "hello" } });
    const { assignments } = await callTool(client, "task_claim", { agent });
    const [{ assignmentId, fence }] = assignments as [{ assignmentId: string; fence: number }];
    const done = await callTool(client, "task_complete", { agent, assignmentId, fence, output: { ok: true } });
    expect(done).toMatchObject({ taskState: "completed" });
  });

  test.each(["modern", "legacy"] as const)("mail is pushed into a session of the %s generation, once", async (era) => {
    await using sender = await connectOverHttp(node);
    const agent = `channel-${era}`;
    for (const name of [agent, `sender-${era}`]) {
      await callTool(sender.client, "agent_register", { name, capabilities: [{ name: "talk" }] });
    }
    await using bridged = await connect(node, era, ["--channel", agent]);
    await bridged.client.listTools();
    expect(bridged.client.getServerCapabilities()).toHaveProperty(["experimental", "claude/channel"]);
    const message = { agent: `sender-${era}`, to: agent, kind: "note", content: "please look" };
    await callTool(sender.client, "message_send", message);
    await expect.poll(() => bridged.pushed).toMatchObject([{ content: "please look" }]);
    await callTool(sender.client, "message_send", { ...message, content: "and again" });
    await expect.poll(() => bridged.pushed.length).toBe(2);
  });

  test("a key that the mesh does not take is answered with the mesh's own words", async () => {
    const wrong = { url: node.url, apiKey: "dm_svc_unknown" };
    await expect(connect(wrong, "legacy")).rejects.toThrow("malformed API key");
  });

  test("without a key it ends with code 2 and says what is missing", async () => {
    await using bridge = await startProcess(process.execPath, programArgs, { env: { DEVMESH_API_KEY: "" } });
    expect(await bridge.exited).toMatchObject({ code: 2 });
    expect(bridge.output()).toContain("DEVMESH_API_KEY is not set");
  });
});

async function connectOverHttp({ url, apiKey }: McpNode): Promise<{ client: Client } & AsyncDisposable> {
  const client = new Client({ name: "http", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const requestInit = { headers: { authorization: `Bearer ${apiKey}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  return { client, [Symbol.asyncDispose]: () => client.close() };
}
