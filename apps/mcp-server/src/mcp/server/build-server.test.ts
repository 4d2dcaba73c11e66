import type { Principal } from "@devmesh/auth";
import { AppError, type TaskId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { createMcpHandler, inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineTool, type Tool } from "../tools/tool.ts";
import { noTools, type ToolSource } from "../tools/tool-source.ts";
import { createServerFactory, type ServerDeps } from "./build-server.ts";
import { instructions } from "./instructions.ts";
import { createRequestStates } from "./request-states.ts";

const principal = { tenantId: "t", id: "k", kind: "agt", scopes: ["tasks:read"] } as unknown as Principal;

function toolOf(changes: Partial<Tool> = {}): Tool {
  const echo = defineTool({
    name: "echo",
    title: "Echo",
    description: "Says again what it was told.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true },
    input: z.strictObject({
      word: z.string().max(5),
      region: z.string().optional().meta({ "x-mcp-header": "Region" }),
    }),
    output: z.object({ word: z.string() }),
    call: async ({ word }) => ({ kind: "complete", output: { word } }),
  });
  return { ...echo, ...changes } as Tool;
}

interface Client {
  readonly principal?: Principal;
  readonly capabilities?: Record<string, unknown>;
  readonly headers?: Record<string, string>;
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON says
  readonly body: any;
}

function serve(tools: readonly Tool[], deps: Partial<ServerDeps> = {}) {
  const outcomes: string[] = [];
  const factory = createServerFactory({
    tools,
    toolSource: noTools,
    parts: [],
    states: createRequestStates({ secret: "s", now: () => 0 }),
    describeTask: async (_caller, taskId) => ({ resultType: "task", taskId }),
    checksOutput: true,
    onCall: ({ tool, outcome }) => outcomes.push(`${tool}: ${outcome}`),
    logger: createLogger({ level: "silent", service: "mcp-server" }),
    ...deps,
  });
  const handler = createMcpHandler((context) => factory.create(context), { legacy: "reject" });

  async function send(method: string, params: Record<string, unknown>, client: Client = {}): Promise<Answer> {
    const meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": client.capabilities ?? {},
    };
    const request = new Request("http://mesh.test/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        ...(typeof params["name"] === "string" && { "mcp-name": params["name"] }),
        ...client.headers,
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method,
        params: { ...params, _meta: { ...meta, ...(params["_meta"] as object) } },
      }),
    });
    const authInfo = { token: "", clientId: "k", scopes: [], extra: { principal: client.principal ?? principal } };
    const response = await handler.fetch(request, { authInfo });
    const text = await response.text();
    const isStream = response.headers.get("content-type") === "text/event-stream";
    return { status: response.status, body: isStream ? text : JSON.parse(text) };
  }

  const call = (args: unknown, client?: Client): Promise<Answer> =>
    send("tools/call", { name: "echo", arguments: args }, client);
  return { send, call, outcomes, factory };
}

test("says who it is, in every result, and how to use it in under 2 KB", async () => {
  const { body } = await serve([toolOf()]).send("server/discover", {});
  expect(body.result).toMatchObject({
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: { listChanged: true } },
    instructions,
    ttlMs: 300_000,
    cacheScope: "private",
    _meta: { "io.modelcontextprotocol/serverInfo": { name: "devmesh", version: "1.0.0" } },
  });
  expect(Buffer.byteLength(instructions)).toBeLessThan(2_048);
});

test("names the scopes that a message needs, and none for nonsense", () => {
  const part = {
    capabilities: {},
    scopesOf: (method: string) => (method === "prompts/get" ? (["knowledge:read"] as const) : []),
    register: () => undefined,
  };
  const { factory } = serve([toolOf()], { parts: [part] });
  expect(factory.scopesOf({ method: "tools/call", params: { name: "echo" } })).toEqual(["tasks:read"]);
  expect(factory.scopesOf({ method: "prompts/get" })).toEqual(["knowledge:read"]);
  const nonsense = [{ method: "tools/call" }, { method: "tools/call", params: { name: "nope" } }, {}, [], null, 7];
  const textless = { toString: 1, valueOf: 1 };
  const worse = [{ method: textless }, { method: "tools/call", params: { name: textless } }];
  for (const message of [...nonsense, ...worse]) expect(factory.scopesOf(message)).toEqual([]);
});

describe("tools/list", () => {
  test("shows every tool with both schemas, whatever the caller may do", async () => {
    const nobody = { ...principal, scopes: [] };
    const { body } = await serve([toolOf()]).send("tools/list", {}, { principal: nobody });
    expect(body.result).toMatchObject({ ttlMs: 5_000, cacheScope: "private" });
    expect(body.result.tools).toEqual([
      {
        name: "echo",
        title: "Echo",
        description: "Says again what it was told.",
        annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true },
        inputSchema: {
          type: "object",
          properties: { word: { type: "string", maxLength: 5 }, region: { type: "string", "x-mcp-header": "Region" } },
          required: ["word"],
          additionalProperties: false,
        },
        outputSchema: {
          type: "object",
          properties: { word: { type: "string" } },
        },
      },
    ]);
  });

  test("pages through those of other servers, and refuses a cursor that it did not give", async () => {
    const names = Array.from({ length: 250 }, (_, at) => `far__tool${at}`);
    const toolSource: ToolSource = {
      list: async () => names.map((name) => ({ name, inputSchema: { type: "object" as const } })),
      find: async () => undefined,
    };
    const { send } = serve([toolOf()], { toolSource });
    const first = await send("tools/list", {});
    expect(first.body.result.tools).toHaveLength(200);
    const second = await send("tools/list", { cursor: first.body.result.nextCursor });
    expect(second.body.result.tools).toHaveLength(51);
    expect(second.body.result.nextCursor).toBeUndefined();
    const seen = [...first.body.result.tools, ...second.body.result.tools].map(({ name }: { name: string }) => name);
    expect(seen).toEqual(["echo", ...names]);
    expect((await send("tools/list", { cursor: "nonsense" })).body.error).toMatchObject({ code: -32602 });
  });
});

describe("tools/call", () => {
  test("gives the output as structure and as text", async () => {
    const { call, outcomes } = serve([toolOf()]);
    const { body } = await call({ word: "hi" });
    expect(body.result).toMatchObject({
      resultType: "complete",
      content: [{ type: "text", text: '{"word":"hi"}' }],
      structuredContent: { word: "hi" },
    });
    expect(body.result.isError).toBeUndefined();
    expect(outcomes).toEqual(["echo: ok"]);
  });

  test("refuses an unknown tool by name", async () => {
    const { send, outcomes } = serve([toolOf()]);
    const { body } = await send("tools/call", { name: "nope", arguments: {} });
    expect(body.error).toMatchObject({ code: -32602, message: expect.stringContaining("unknown tool: nope") });
    expect(outcomes).toEqual(["nope: invalid_argument"]);
  });

  test("names every argument that is against the schema", async () => {
    const { call, outcomes } = serve([toolOf()]);
    const { body } = await call({ word: "far too long", other: 1 });
    expect(body.result.isError).toBe(true);
    expect(body.result.structuredContent.error).toMatchObject({
      code: "invalid_argument",
      details: [{ path: "word" }, { path: "other" }],
    });
    expect(JSON.parse(body.result.content[0].text)).toEqual(body.result.structuredContent);
    expect(outcomes).toEqual(["echo: invalid_argument"]);
  });

  test("refuses a caller without the scope", async () => {
    const { call } = serve([toolOf()]);
    const { body } = await call({ word: "hi" }, { principal: { ...principal, scopes: [] } });
    expect(body.result.structuredContent.error).toMatchObject({ code: "permission_denied", reason: "missing_scope" });
  });

  test("tells what a tool refuses, and nothing of what broke in it", async () => {
    const refusing = toolOf({
      call: async () => {
        throw new AppError("conflict", "too late", { reason: "stale_assignment" });
      },
    });
    const refused = await serve([refusing]).call({ word: "hi" });
    expect(refused.body.result.structuredContent).toEqual({
      error: { code: "conflict", reason: "stale_assignment", message: "too late" },
    });
    const broken = toolOf({
      call: async () => {
        throw new Error("password is hunter2");
      },
    });
    const { body } = await serve([broken]).call({ word: "hi" });
    expect(body.result).toMatchObject({ isError: true, structuredContent: { error: { code: "internal" } } });
    expect(JSON.stringify(body)).not.toContain("hunter2");
  });

  test("does not let out what is against the output schema", async () => {
    const lying = toolOf({ call: async () => ({ kind: "complete", output: { word: 1 } }) });
    const { call, outcomes } = serve([lying]);
    const { body } = await call({ word: "hi" });
    expect(outcomes).toEqual(["echo: internal"]);
    expect(body.result.structuredContent.error).toEqual({ code: "internal", message: "internal error" });
  });

  test("shows nothing of what broke in looking for a tool", async () => {
    const find = async (): Promise<never> => {
      throw new Error("password is hunter2");
    };
    const { send } = serve([], { toolSource: { list: find, find } });
    const { body } = await send("tools/call", { name: "far__tool" });
    expect(body.result.structuredContent.error).toEqual({ code: "internal", message: "internal error" });
    const listed = await send("tools/list", {});
    expect(listed.body.error).toMatchObject({ code: -32603, message: "internal error" });
  });

  test("finds the tools of other servers, which may answer with content alone", async () => {
    const far = toolOf({
      name: "far__tool",
      input: z.looseObject({}),
      output: z.looseObject({}),
      call: async () => ({ kind: "complete", output: {}, content: [{ type: "text", text: "done" }], isError: true }),
    });
    const { send, outcomes } = serve([], { toolSource: { list: async () => [], find: async () => far } });
    const { body } = await send("tools/call", { name: "far__tool" });
    expect(body.result).toMatchObject({ isError: true, content: [{ type: "text", text: "done" }] });
    expect(body.result.structuredContent).toBeUndefined();
    expect(outcomes).toEqual(["far__tool: tool_error"]);
  });

  test("holds an argument against its header", async () => {
    const { call } = serve([toolOf()]);
    const args = { word: "hi", region: "eu" };
    expect(await call(args, { headers: { "mcp-param-region": "us" } })).toMatchObject({
      status: 400,
      body: { error: { code: -32020 } },
    });
    const { body } = await call(args, { headers: { "mcp-param-region": "eu" } });
    expect(body.result.structuredContent).toEqual({ word: "hi" });
  });

  test("gives the handle of a task to a client that takes them", async () => {
    const long = toolOf({ call: async () => ({ kind: "task", taskId: "t1" as TaskId }) });
    const { call } = serve([long]);
    const capabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } };
    expect((await call({ word: "hi" }, { capabilities })).body.result).toMatchObject({
      resultType: "task",
      taskId: "t1",
    });
    expect((await call({ word: "hi" })).body.result.structuredContent.error.code).toBe("internal");
  });

  test("tells progress to who asked for it", async () => {
    const counting = toolOf({
      call: async ({ word }, { reportProgress, traceparent }) => {
        await reportProgress(1, { total: 2, message: String(traceparent) });
        return { kind: "complete", output: { word: String(word) } };
      },
    });
    const { send, call } = serve([counting]);
    expect((await call({ word: "hi" })).body.result.structuredContent).toEqual({ word: "hi" });
    const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const params = { name: "echo", arguments: { word: "hi" }, _meta: { progressToken: 7, traceparent } };
    const { body } = await send("tools/call", params);
    expect(body).toContain('"method":"notifications/progress"');
    expect(body).toContain(`"progressToken":7,"progress":1,"total":2,"message":"${traceparent}"`);
  });
});

describe("a call that asks a person", () => {
  const asking = toolOf({
    call: async (_input, { inputResponses, state }) => {
      if (Object.keys(inputResponses).length > 0) {
        return { kind: "complete", output: { word: JSON.stringify({ inputResponses, state }) } };
      }
      const requestedSchema = { type: "object" as const, properties: { ok: { type: "boolean" as const } } };
      return {
        kind: "input_required",
        requests: { sure: inputRequired.elicit({ message: "Sure?", requestedSchema }) },
        state: { left: 1 },
      };
    },
  });
  const capabilities = { elicitation: { form: {} } };
  const answers = { sure: { action: "decline" }, unasked: { action: "accept" } };

  const again = (requestState: unknown, changes: Record<string, unknown> = {}): Record<string, unknown> => ({
    name: "echo",
    arguments: { word: "hi" },
    inputResponses: answers,
    requestState,
    ...changes,
  });

  test("comes back with the answers to what was asked, and the state", async () => {
    const { send, call, outcomes } = serve([asking]);
    const first = await call({ word: "hi" }, { capabilities });
    expect(first.body.result).toMatchObject({
      resultType: "input_required",
      inputRequests: { sure: { method: "elicitation/create", params: { message: "Sure?" } } },
    });
    const { body } = await send("tools/call", again(first.body.result.requestState), { capabilities });
    const { word } = body.result.structuredContent;
    expect(JSON.parse(word)).toEqual({ inputResponses: { sure: { action: "decline" } }, state: { left: 1 } });
    expect(outcomes).toEqual(["echo: input_required", "echo: ok"]);
  });

  test("is refused with -32021 where the client shows no forms", async () => {
    const { call } = serve([asking]);
    expect(await call({ word: "hi" })).toMatchObject({ status: 400, body: { error: { code: -32021 } } });
  });

  test("needs no state where the tool left none", async () => {
    const brief = toolOf({
      call: async (input, call) => {
        const answer = await asking.call(input, call);
        return answer.kind === "input_required" ? { kind: answer.kind, requests: answer.requests } : answer;
      },
    });
    const { send, call } = serve([brief]);
    expect((await call({ word: "hi" }, { capabilities })).body.result.requestState).toBeUndefined();
    const { body } = await send("tools/call", again(undefined), { capabilities });
    expect(JSON.parse(body.result.structuredContent.word)).toEqual({ inputResponses: answers });
  });

  test("takes no state of another request or principal, and none that was changed", async () => {
    const { send, call } = serve([asking]);
    const { requestState } = (await call({ word: "hi" }, { capabilities })).body.result;
    const refused = { body: { error: { code: -32602, data: { reason: "invalid_request_state" } } } };
    const other = { ...principal, id: "k2" } as unknown as Principal;
    const attempts = [
      send("tools/call", again(requestState), { capabilities, principal: other }),
      send("tools/call", again(requestState, { arguments: { word: "bye" } }), { capabilities }),
      send("tools/call", again(`${requestState.slice(0, -2)}AA`), { capabilities }),
      send("tools/call", again("nonsense"), { capabilities }),
      send("tools/call", again(""), { capabilities }),
    ];
    for (const attempt of await Promise.all(attempts)) expect(attempt).toMatchObject(refused);
  });
});
