import { randomUUID } from "node:crypto";
import {
  CancelTaskRequest,
  GetTaskRequest,
  ListTasksRequest,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
} from "@a2a-js/sdk";
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from "@a2a-js/sdk/client";
import { connectAgent } from "@devmesh/agent-sdk";
import { type Scope, scopes } from "@devmesh/auth";
import { givenServices } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "../mcp/kit/mcp-node.ts";

let node: McpNode;
const stack = new AsyncDisposableStack();
/** Tasks that were asked to hold on: what lets them go on, by their text. */
const held = new Map<string, () => void>();

beforeAll(async () => {
  const started = await startMcpNode();
  if (started === undefined) return;
  node = stack.use(started);
  const stop = new AbortController();
  const agent = await connectAgent({
    url: `${node.url.replace("http", "ws")}/ws`,
    apiKey: node.apiKey,
    name: "writer",
    capabilities: [{ name: "text.write", level: 2 }, { name: "text.ask" }, { name: "text.ask-twice" }],
    maxConcurrency: 8,
    signal: stop.signal,
  });
  const handling = agent.handle({
    "text.write": async (task, ctx) => {
      const text = textOf(task.input);
      if (text.startsWith("hold")) {
        const { promise, resolve } = Promise.withResolvers<void>();
        ctx.signal.addEventListener("abort", () => resolve());
        // before anybody can hear of its progress
        held.set(text, resolve);
        await ctx.progress({ note: "holding" });
        await promise;
      }
      return `written: ${text}`;
    },
    "text.ask-twice": async (_, ctx) => [await ctx.ask("First?"), await ctx.ask("Second?")].join(" and "),
    "text.ask": async (_, ctx) => ({ chosen: await ctx.ask("Which branch?", { schema: { type: "string" } }) }),
  });
  stack.defer(async () => {
    stop.abort();
    await handling.catch(() => undefined);
  });
});
afterAll(() => stack.disposeAsync());

function textOf(input: unknown): string {
  return (input as { message: { parts: { text: string }[] } }).message.parts[0]?.text ?? "";
}

/** The official client, for an agent of the mesh. */
function connect(name = "writer", apiKey = node.apiKey): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${apiKey}`);
    return fetch(input, { ...init, headers });
  };
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  return new ClientFactory(options).createFromUrl(`${node.url}/a2a/${name}/`, ".well-known/agent-card.json");
}

function message(text: string, more: object = {}, configuration: object = {}): SendMessageRequest {
  const parts = [{ text }];
  return SendMessageRequest.fromJSON({
    message: { messageId: randomUUID(), role: "ROLE_USER", parts, ...more },
    configuration,
  });
}

/** What was sent became this task. */
async function send(client: Client, ...given: Parameters<typeof message>) {
  return Task.toJSON((await client.sendMessage(message(...given))) as Task) as {
    readonly id: string;
    readonly contextId: string;
    readonly status: { readonly state: string };
  };
}

async function streamed(steps: AsyncGenerator<StreamResponse>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const step of steps) all.push(StreamResponse.toJSON(step));
  return all;
}

const isSkipped = givenServices().databaseUrl === undefined;

describe.skipIf(isSkipped)("A2A", () => {
  test("an agent's card names its skills and its address", async () => {
    const card = await (await connect()).getAgentCard();
    expect(card).toMatchObject({
      name: "writer",
      skills: [{ id: "text.write" }, { id: "text.ask" }, { id: "text.ask-twice" }],
      supportedInterfaces: [{ protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
    });
    expect(card.supportedInterfaces[0]?.url.startsWith(`${node.url}/a2a/`)).toBe(true);
  });

  test("a message is answered with its task when it is done", async () => {
    expect(await send(await connect(), "a poem")).toMatchObject({
      status: { state: "TASK_STATE_COMPLETED" },
      artifacts: [{ parts: [{ text: "written: a poem" }] }],
      history: [{ role: "ROLE_USER", parts: [{ text: "a poem" }] }],
    });
  });

  test("a message that comes again is answered with the task that it began, and begins no second", async () => {
    const client = await connect();
    const request = message("once");
    const [first, second] = [await client.sendMessage(request), await client.sendMessage(request)] as Task[];
    expect(second?.id).toBe(first?.id);
  });

  test("a task is streamed to its end, with what its agent reports", async () => {
    const client = await connect();
    const steps = client.sendMessageStream(message("hold the stream"));
    const all: unknown[] = [];
    for await (const step of steps) {
      all.push(StreamResponse.toJSON(step));
      if (JSON.stringify(all.at(-1)).includes("holding")) held.get("hold the stream")?.();
    }
    expect(all[0]).toHaveProperty("task");
    expect(JSON.stringify(all)).toContain("holding");
    expect(all.slice(-2)).toMatchObject([
      { artifactUpdate: { artifact: { parts: [{ text: "written: hold the stream" }] } } },
      { statusUpdate: { status: { state: "TASK_STATE_COMPLETED" } } },
    ]);
  });

  test("a task is followed again by its id, and refused once it is final", async () => {
    const client = await connect();
    const { id } = await send(client, "hold to follow", {}, { returnImmediately: true });
    const request = SubscribeToTaskRequest.fromJSON({ id });
    const following = client.resubscribeTask(request);
    // its first word: it is followed, and not only asked for
    await following.next();
    await expect.poll(() => held.has("hold to follow")).toBe(true);
    held.get("hold to follow")?.();
    expect((await streamed(following)).at(-1)).toMatchObject({
      statusUpdate: { status: { state: "TASK_STATE_COMPLETED" } },
    });
    await expect(streamed(client.resubscribeTask(request))).rejects.toThrow("is completed");
  });

  test("a question is input that is required, and the answer is the next message of its task", async () => {
    const client = await connect();
    const asked = await send(client, "which?", { metadata: { skill: "text.ask" } });
    expect(asked).toMatchObject({
      status: { state: "TASK_STATE_INPUT_REQUIRED", message: { parts: [{ text: "Which branch?" }, {}] } },
    });
    const wrong = send(client, "main", { taskId: asked.id, contextId: "another" });
    await expect(wrong).rejects.toThrow(`is of context ${asked.contextId}`);
    expect(await send(client, "main", { taskId: asked.id })).toMatchObject({
      id: asked.id,
      status: { state: "TASK_STATE_COMPLETED" },
      artifacts: [{ parts: [{ data: { chosen: "main" } }] }],
      history: [{}, { role: "ROLE_AGENT" }, { role: "ROLE_USER", parts: [{ text: "main" }] }],
    });
    await expect(send(client, "again", { taskId: asked.id })).rejects.toThrow("completed");
  });

  test("an answer that comes again answers what it was to, and not what is asked next", async () => {
    const client = await connect();
    const { id: taskId } = await send(client, "ask me", { metadata: { skill: "text.ask-twice" } });
    const messageId = randomUUID();
    const second = {
      id: taskId,
      status: { state: "TASK_STATE_INPUT_REQUIRED", message: { parts: [{ text: "Second?" }] } },
    };
    const twice = await Promise.all([1, 2].map(() => send(client, "one", { taskId, messageId })));
    expect(twice).toMatchObject([second, second]);
    expect(await send(client, "one", { taskId, messageId })).toMatchObject(second);
    await expect(send(client, "another", { taskId, messageId })).rejects.toThrow("came before with another answer");
    expect(await send(client, "two", { taskId })).toMatchObject({ artifacts: [{ parts: [{ text: "one and two" }] }] });
    expect(await send(client, "one", { taskId, messageId })).toMatchObject({
      status: { state: "TASK_STATE_COMPLETED" },
    });
  });

  test("the agent that asked is not answered with its own key", async () => {
    const { id } = await send(await connect(), "which?", { metadata: { skill: "text.ask" } });
    const ownKey = await node.createKey(["tasks:write", "tasks:read", "agents:read"], node.tenantId, "writer");
    const own = await connect("writer", ownKey);
    await expect(send(own, "main", { taskId: id })).rejects.toThrow("which others have to give");
    expect(await send(await connect(), "main", { taskId: id })).toMatchObject({
      status: { state: "TASK_STATE_COMPLETED" },
    });
  });

  test("a task is cancelled once", async () => {
    const client = await connect();
    const { id } = await send(client, "hold to cancel", {}, { returnImmediately: true });
    const cancelled = await client.cancelTask(CancelTaskRequest.fromJSON({ id }));
    expect(Task.toJSON(cancelled)).toMatchObject({ status: { state: "TASK_STATE_CANCELED" } });
    await expect(client.cancelTask(CancelTaskRequest.fromJSON({ id }))).rejects.toThrow("is cancelled");
  });

  test("lists hold what came to this agent over A2A", async () => {
    const client = await connect();
    const { id, contextId } = await send(client, "listed", { contextId: "listing" });
    const { tasks } = await client.listTasks(ListTasksRequest.fromJSON({ contextId }));
    expect(tasks.map((one) => one.id)).toEqual([id]);
  });

  test.each(["0199a1b2-0000-7000-8000-0000000000ff", "no id"])("task %j is unknown", async (id) => {
    await expect((await connect()).getTask(GetTaskRequest.fromJSON({ id }))).rejects.toThrow("no task");
  });

  test("a task of another door is unknown", async () => {
    const response = await call(
      { jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: randomUUID() } },
      { "a2a-version": "1.0" },
    );
    expect(await response.json()).toMatchObject({ error: { code: -32001 } });
  });
});

async function call(body: object, headers: Readonly<Record<string, string>>, apiKey = node.apiKey): Promise<Response> {
  return fetch(`${node.url}/a2a/writer`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

describe.skipIf(isSkipped)("what A2A refuses", () => {
  const version = { "a2a-version": "1.0" };

  test("another version of the protocol, which an absent header is", async () => {
    const response = await call({ jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "x" } }, {});
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32009 } });
  });

  test("a method that there is not", async () => {
    const response = await call({ jsonrpc: "2.0", id: 1, method: "Sing", params: {} }, version);
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32601 } });
  });

  test("a message without parts", async () => {
    const params = { message: { messageId: "m", role: "ROLE_USER", parts: [] } };
    const response = await call({ jsonrpc: "2.0", id: 1, method: "SendMessage", params }, version);
    expect(await response.json()).toMatchObject({ error: { code: -32602, message: expect.stringContaining("part") } });
  });

  test.each([
    ["a part that is none", { parts: [null] }],
    ["a messageId that nobody can keep", { messageId: "m\0" }],
    ["a messageId that is too long", { messageId: "m".repeat(256), contextId: "c" }],
  ])("%s, without a word of how it was found", async (_, more) => {
    const params = { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "x" }], ...more } };
    const response = await call({ jsonrpc: "2.0", id: 1, method: "SendMessage", params }, version);
    expect(await response.json()).toMatchObject({
      error: { code: -32602, message: expect.stringMatching(/^(params|message\.messageId): /) },
    });
  });

  test("a token of a page that holds no id", async () => {
    const pageToken = Buffer.from(`2026-01-01T00:00:00.000Z ${"-".repeat(36)}`).toString("base64url");
    const response = await call({ jsonrpc: "2.0", id: 1, method: "ListTasks", params: { pageToken } }, version);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("pageToken: ") } });
  });

  test("push notifications, which are not offered", async () => {
    const params = { taskId: "t", url: "https://example.test" };
    const response = await call({ jsonrpc: "2.0", id: 1, method: "CreateTaskPushNotificationConfig", params }, version);
    expect(await response.json()).toMatchObject({ error: { code: -32003 } });
  });

  test.each([
    ["no credential", undefined, "writer", 401],
    ["an unknown agent", scopes, "nobody", 404],
    ["a key that may only read", ["tasks:read", "agents:read"], "writer", 403],
  ] as const)("%s", async (_, allowed, name, status) => {
    const apiKey = allowed === undefined ? undefined : await node.createKey(allowed as readonly Scope[]);
    const response = await fetch(`${node.url}/a2a/${name}`, {
      method: "POST",
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        "content-type": "application/json",
        ...version,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params: {} }),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty("error");
  });
});
