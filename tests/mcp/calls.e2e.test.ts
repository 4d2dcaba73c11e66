import { givenServices, waitFor } from "@devmesh/testing";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, type ElicitResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";
import { type ModernRequest, sendModern } from "./kit/modern-request.ts";

let started: McpNode | undefined;
beforeAll(async () => {
  started = await startMcpNode({ args: ["--conformance-fixtures"] });
});
afterAll(() => started?.[Symbol.asyncDispose]());

/** Skips a test where there is no Postgres. */
function nodeFor(context: { readonly skip: () => void }): McpNode {
  if (started === undefined) context.skip();
  return started as McpNode;
}

const answerOf = (action: string): ElicitResult => ({
  action: action as ElicitResult["action"],
  ...(action === "accept" && { content: { username: "ada", email: "ada@devmesh.test" } }),
});

/** A client of the newer generation, whose person answers `action`. */
async function connectNewer({ url, apiKey }: McpNode, action = "accept", capabilities = { elicitation: {} }) {
  const options = { capabilities, versionNegotiation: { mode: { pin: "2026-07-28" } } };
  const client = new Client({ name: "newer", version: "1" }, options);
  if ("elicitation" in capabilities) client.setRequestHandler("elicitation/create", async () => answerOf(action));
  const headers = { authorization: `Bearer ${apiKey}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  return client;
}

/** A client of the older generation: it has a session. */
async function connectOlder({ url, apiKey }: McpNode, action = "accept", capabilities = { elicitation: {} }) {
  const client = new OlderClient({ name: "older", version: "1" }, { capabilities });
  if ("elicitation" in capabilities) client.setRequestHandler(ElicitRequestSchema, async () => answerOf(action));
  const headers = { authorization: `Bearer ${apiKey}` };
  const transport = new OlderTransport(new URL(`${url}/mcp`), { requestInit: { headers } });
  // its declaration has no exact optional properties
  await client.connect(transport as unknown as Parameters<typeof client.connect>[0]);
  return client;
}

const generations = [
  { generation: "newer", connect: connectNewer },
  { generation: "older", connect: connectOlder },
];

/** How often a fixture came to this, by the node's own count. */
async function countOutcomes({ url, apiKey }: McpNode, tool: string, outcome: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } });
  const lines = (await response.text()).split("\n");
  const line = lines.find((one) => one.includes(`tool="${tool}"`) && one.includes(`outcome="${outcome}"`));
  return Number(line?.split(" ").at(-1) ?? 0);
}

describe.skipIf(givenServices().databaseUrl === undefined).each(generations)(
  "a client of the $generation generation",
  ({ connect }) => {
    test.each(["accept", "decline", "cancel"])("hands the tool the answer of a person who says %s", async (action) => {
      const client = await connect(started as McpNode, action);
      const result = await client.callTool({ name: "test_elicitation", arguments: { message: "Who?" } });
      const answer = JSON.stringify({ user: answerOf(action) });
      expect(result.content).toEqual([{ type: "text", text: `User response: ${answer}` }]);
      await client.close();
    });

    test("hears of progress where it asks for it", async (context) => {
      const client = await connect(nodeFor(context));
      const heard: number[] = [];
      const onprogress = ({ progress }: { readonly progress: number }): void => void heard.push(progress);
      const params = { name: "test_tool_with_progress", arguments: {} };
      await (client instanceof Client
        ? client.callTool(params, { onprogress })
        : client.callTool(params, undefined, { onprogress }));
      expect(heard).toEqual([0, 50, 100]);
      await client.close();
    });

    test("cancels a call that has begun", async (context) => {
      const node = nodeFor(context);
      const client = await connect(node);
      const before = await countOutcomes(node, "test_waits_for_cancellation", "cancelled");
      const cancel = new AbortController();
      const begun = Promise.withResolvers<void>();
      const options = { signal: cancel.signal, onprogress: () => begun.resolve() };
      const params = { name: "test_waits_for_cancellation", arguments: {} };
      const call =
        client instanceof Client ? client.callTool(params, options) : client.callTool(params, undefined, options);
      const refused = expect(call).rejects.toThrow();
      await begun.promise;
      cancel.abort("enough");
      await refused;
      await waitFor(
        async () => (await countOutcomes(node, "test_waits_for_cancellation", "cancelled")) === before + 1,
        {
          what: "the tool to hear of it",
        },
      );
      await client.close();
    });

    test("is told which tool it does not know, and which argument is wrong", async (context) => {
      const client = await connect(nodeFor(context));
      await expect(client.callTool({ name: "test_nothing", arguments: {} })).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining("unknown tool: test_nothing"),
      });
      const result = await client.callTool({ name: "test_sampling", arguments: { prompt: 7 } });
      expect(result).toMatchObject({
        isError: true,
        structuredContent: { error: { code: "invalid_argument", details: [{ path: "prompt" }] } },
      });
      await client.close();
    });
  },
);

test("a call whose response nobody waits for any longer is cancelled, though nothing was sent yet", async (context) => {
  const node = nodeFor(context);
  const params = { name: "test_waits_for_cancellation", arguments: {} };
  const before = await countOutcomes(node, "test_waits_for_cancellation", "cancelled");
  let patienceMs = 100;
  const isCancelled = async (): Promise<boolean> => {
    const signal = AbortSignal.timeout(patienceMs);
    patienceMs *= 2;
    const call = sendModern(node.url, node.apiKey, { method: "tools/call", params, signal });
    await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
    return (await countOutcomes(node, "test_waits_for_cancellation", "cancelled")) > before;
  };
  // one that goes before it has begun is not counted
  await waitFor(isCancelled, { what: "the tool to hear of it" });
});

test("a client that shows no forms is told so: by -32021, and in a session by a tool that failed", async (context) => {
  const node = nodeFor(context);
  const params = { name: "test_elicitation", arguments: { message: "Who?" } };
  const newer = await sendModern(node.url, node.apiKey, { method: "tools/call", params });
  expect(newer.status).toBe(400);
  expect(await newer.json()).toMatchObject({
    error: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } },
  });
  const client = await connectOlder(node, "accept", {} as never);
  expect(await client.callTool(params)).toMatchObject({ isError: true });
  await client.close();
});

describe("the state of a call that asks", () => {
  const name = "test_input_required_result_request_state";
  const asking: ModernRequest = {
    method: "tools/call",
    params: { name, arguments: {} },
    capabilities: { elicitation: {} },
  };
  const answered = (requestState: unknown, args = {}): ModernRequest => ({
    ...asking,
    params: { name, arguments: args, inputResponses: { confirm: answerOf("accept") }, requestState },
  });

  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON says
  const send = async (node: McpNode, request: ModernRequest, apiKey = node.apiKey): Promise<any> =>
    (await sendModern(node.url, apiKey, request)).json();

  test("comes back as it was, and with these arguments alone", async (context) => {
    const node = nodeFor(context);
    const { result } = await send(node, asking);
    expect(result.resultType).toBe("input_required");
    const again = await send(node, answered(result.requestState));
    expect(again.result.content[0].text).toContain("state-ok");
  });

  test("is refused when it was changed, is another principal's, or another call's", async (context) => {
    const node = nodeFor(context);
    const { result } = await send(node, asking);
    const other = await node.createKey(["tasks:read"]);
    const [body = "", signature = ""] = String(result.requestState).split(".");
    const refused = { error: { code: -32602, data: { reason: "invalid_request_state" } } };
    expect(await send(node, answered(`${body}A.${signature}`))).toMatchObject(refused);
    expect(await send(node, answered(result.requestState), other)).toMatchObject(refused);
    expect(await send(node, answered(result.requestState, { other: true }))).toMatchObject(refused);
    expect(await send(node, answered({ not: "a string" }))).toMatchObject({ error: { code: -32602 } });
  });
});

test("parameters that are none of a call are an error of the protocol, and no tool hears of them", async (context) => {
  const node = nodeFor(context);
  const wrong: readonly Readonly<Record<string, unknown>>[] = [
    {},
    { name: 7 },
    { name: "test_simple_text", arguments: [] },
    { name: "test_simple_text", arguments: "text" },
    { name: "test_simple_text", arguments: {}, requestState: 7 },
    { name: "x".repeat(10_000), arguments: {} },
  ];
  for (const params of wrong) {
    const response = await sendModern(node.url, node.apiKey, { method: "tools/call", params });
    const { error } = (await response.json()) as { error?: { code: number; message: string } };
    // without a name, the header that has to repeat it is missing as well
    expect([-32602, -32020], JSON.stringify(params).slice(0, 100)).toContain(error?.code);
    expect(error?.message.length).toBeLessThan(500);
  }
  const unused = { name: "test_simple_text", arguments: { unheard: "of" }, other: true };
  const response = await sendModern(node.url, node.apiKey, { method: "tools/call", params: unused });
  expect(await response.json()).toMatchObject({ result: { resultType: "complete" } });
});

test("lists tools in one order, each with schemas that a client can read", async (context) => {
  const node = nodeFor(context);
  const [newer, older] = await Promise.all([connectNewer(node), connectOlder(node)]);
  const names = (await newer.listTools()).tools.map((tool) => tool.name);
  expect((await older.listTools()).tools.map((tool) => tool.name)).toEqual(names);
  expect(names).toContain("test_simple_text");
  await Promise.all([newer.close(), older.close()]);
});
