import { randomBytes, randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scope } from "@devmesh/auth";
import { givenServices, waitFor } from "@devmesh/testing";
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendModern } from "../mcp/kit/modern-request.ts";
import { type Answer, type Doors, openDoors } from "./kit/doors.ts";
import { openFolder } from "./kit/folder.ts";
import { startWeatherServer, type WeatherServer } from "./kit/weather-server.ts";

const program = fileURLToPath(new URL("./kit/stdio-server.ts", import.meta.url));
const stdio = (args: readonly string[] = [], env: object = {}): object => ({
  kind: "stdio",
  command: process.execPath,
  args: [program, ...args],
  env,
});
const uniqueName = (): string => `s-${randomBytes(4).toString("hex")}`;

describe.skipIf(givenServices().databaseUrl === undefined)("the doors to tools of other servers", () => {
  const stack = new AsyncDisposableStack();
  let doors: Doors;
  let weather: WeatherServer;
  /** A program that most tests share. */
  let shared: Answer["data"];
  beforeAll(async () => {
    weather = stack.use(await startWeatherServer());
    const opened = await openDoors(
      {
        DEVMESH_TOOL_COMMANDS: process.execPath,
        DEVMESH_TOOL_VARIABLES: "TOKEN,MODE,WHOSE",
        DEVMESH_TOOL_BREAKER_MS: "500",
        DEVMESH_MCP_LISTED_TOOLS: "100",
        DEVMESH_TOOL_ALLOW_HTTP: "true",
        DEVMESH_TOOL_ALLOW_LOOPBACK: "true",
        DEVMESH_TOOL_SECRETS_KEY: `test:${randomBytes(32).toString("base64")}`,
      },
      // what one process allows, another may not
      { rest: { DEVMESH_TOOL_COMMANDS: `${process.execPath},/bin/sh` } },
    );
    if (opened === undefined) throw new Error("there is no Postgres");
    doors = stack.use(opened);
    shared = await register({ transport: stdio(), title: "Stand-in" });
  }, 60_000);
  afterAll(() => stack.disposeAsync());

  /** Registers a server, and waits until a node has asked it for its tools. */
  async function register(body: Readonly<Record<string, unknown>>, key = doors.apiKey): Promise<Answer["data"]> {
    const name = uniqueName();
    const made = await doors.ask("POST", "/tools", { body: { name, ...body }, key });
    expect(made.status, made.text).toBe(201);
    expect(made.headers.get("location")).toBe(`/api/v1/tools/${made.data.id}`);
    let server = made.data;
    await waitFor(
      async () => {
        server = (await doors.ask("GET", `/tools/${made.data.id}`, { key })).data;
        return server.health !== "unknown";
      },
      { what: "the server to be looked at" },
    );
    return server;
  }
  const execute = (id: string, tool: string, given: object = {}, more: object = {}): Promise<Answer> =>
    doors.ask("POST", `/tools/${id}/execute`, { body: { tool, arguments: given, ...more } });
  const namesOf = async (client: Client): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
  const textOf = (result: Awaited<ReturnType<Client["callTool"]>>): string => {
    const [first] = result.content;
    return first?.type === "text" ? first.text : "";
  };

  describe("a program", () => {
    test("is registered, listed, and called from both doors", async () => {
      const server = shared;
      expect(server).toMatchObject({ title: "Stand-in", health: "healthy", enabled: true, version: 1 });
      expect(server.tools).toContainEqual(
        expect.objectContaining({ name: "echo", callName: `${server.name}__echo`, inputSchema: expect.anything() }),
      );
      const listed = (await doors.ask("GET", "/tools")).data.find(({ id }: { id: string }) => id === server.id);
      expect(listed.tools).toContainEqual({ name: "pid", callName: `${server.name}__pid`, description: "does pid" });

      const answer = await execute(server.id, "echo", { text: "hi" });
      expect(answer).toMatchObject({ status: 200, data: { content: [{ type: "text", text: "hi" }], isError: false } });
      expect((await execute(server.id, `${server.name}__echo`, { text: "hi" })).status).toBe(200);
      for (const era of ["modern", "legacy"] as const) {
        const client = await doors.connect({ era });
        expect(await namesOf(client)).toContain(`${server.name}__echo`);
        const echoed = await client.callTool({ name: `${server.name}__echo`, arguments: { text: era } });
        expect(echoed).toMatchObject({ content: [{ type: "text", text: era }], structuredContent: { echoed: era } });
      }
    });

    test("gets its secret, and nobody else does", async () => {
      const secret = `hunter2-${randomUUID()}`;
      const answers: string[] = [];
      const server = await register({ transport: stdio([], { TOKEN: { secret }, MODE: "fast" }) });
      const path = `/tools/${server.id}`;
      const ask = async (method: string, at: string, body?: unknown): Promise<Answer> => {
        const answer = await doors.ask(method, at, body === undefined ? {} : { body });
        answers.push(answer.text);
        return answer;
      };
      const seen = await execute(server.id, "env");
      expect(JSON.parse(seen.data.content[0].text)).toMatchObject({ TOKEN: secret, MODE: "fast" });
      const client = await doors.connect();
      const told = await client.callTool({ name: `${server.name}__env`, arguments: {} });
      expect(textOf(told)).toContain(secret);

      expect((await ask("GET", path)).data.transport.env).toEqual({ TOKEN: { isSecret: true }, MODE: "fast" });
      await ask("GET", "/tools");
      await ask("GET", `${path}/health`);
      await ask("POST", `${path}/refresh`, {});
      await ask("GET", `${path}/calls`);
      const kept = { ...server.transport, env: { TOKEN: { isSecret: true }, MODE: "fast" } };
      expect((await ask("PATCH", path, { transport: kept, timeoutMs: 20_000 })).status).toBe(200);
      expect(JSON.parse((await execute(server.id, "env")).data.content[0].text).TOKEN).toBe(secret);
      const elsewhere = { ...kept, args: ["-e", "console.error(process.env)"] };
      expect(await ask("PATCH", path, { transport: elsewhere })).toMatchObject({ status: 400 });
      await ask("POST", "/tools", { name: server.name, transport: stdio([], { TOKEN: { secret } }) });
      await ask("DELETE", path);
      answers.push(JSON.stringify(await client.listTools()), doors.logs());
      for (const answer of answers) expect(answer).not.toContain(secret);
    });

    test("that tells its secret to everybody is not passed on", async () => {
      const secret = `hunter2-${randomUUID()}`;
      const script = "console.error('my token is', process.env.TOKEN); process.exit(3)";
      const transport = { kind: "stdio", command: process.execPath, args: ["-e", script], env: { TOKEN: { secret } } };
      const server = await register({ transport });
      await waitFor(async () => doors.logs().includes("my token is [secret]"), { what: "what it said" });
      const health = await doors.ask("GET", `/tools/${server.id}/health`);
      expect(health.data).toMatchObject({ state: "unhealthy", error: { reason: "tool_crashed" } });
      expect(health.text + doors.logs()).not.toContain(secret);
      await doors.ask("DELETE", `/tools/${server.id}`);
    });

    test("that the operator does not allow is refused when it is registered, and becomes no server's", async () => {
      const transport = { kind: "stdio", command: "/bin/bash", args: ["-c", "true"] };
      const asked = [
        ["POST", "/tools", { name: uniqueName(), transport }],
        ["PATCH", `/tools/${shared.id}`, { transport }],
      ] as const;
      const variable = { name: uniqueName(), transport: stdio([], { EXTRA_MODE: "a" }) };
      expect(await doors.ask("POST", "/tools", { body: variable })).toMatchObject({
        status: 409,
        error: { reason: "variable_not_allowed", message: expect.stringContaining("(TOKEN, MODE, WHOSE)") },
      });
      for (const [method, path, body] of asked) {
        const answer = await doors.ask(method, path, { body });
        expect(answer).toMatchObject({
          status: 409,
          error: { code: "failed_precondition", reason: "command_not_allowed" },
        });
        expect(answer.error?.message).toContain(`"/bin/bash"`);
        expect(answer.error?.message).toContain(process.execPath);
      }
      expect((await doors.ask("GET", `/tools/${shared.id}`)).data.version).toBe(shared.version);
    });

    test("that the process which is to start it does not allow is not started, and its health says so", async () => {
      const server = await register({ transport: { kind: "stdio", command: "/bin/sh", args: ["-c", "true"] } });
      expect(server).toMatchObject({ health: "unhealthy", tools: [] });
      const health = await doors.ask("GET", `/tools/${server.id}/health`);
      expect(health.data).toMatchObject({ state: "unhealthy", error: { reason: "command_not_allowed" } });
      await doors.ask("DELETE", `/tools/${server.id}`);
    });
  });

  test("a server at an address gets its headers, and is called from both doors", async () => {
    const headers = { Authorization: { secret: "Bearer hunter2" }, "X-Mode": "fast" };
    const server = await register({ transport: { kind: "http", url: weather.url, headers } });
    expect(server.tools).toMatchObject([{ name: "forecast", annotations: { readOnlyHint: true } }]);
    const answer = await execute(server.id, "forecast", { city: "Skagen" });
    expect(answer.data).toMatchObject({ structuredContent: { city: "Skagen", rain: true } });
    const client = await doors.connect();
    const forecast = await client.callTool({ name: `${server.name}__forecast`, arguments: { city: "Oslo" } });
    expect(forecast.structuredContent).toEqual({ city: "Oslo", rain: true });
    const listed = (await client.listTools()).tools.find(({ name }) => name === `${server.name}__forecast`);
    expect(listed).toMatchObject({
      title: `Forecast (${server.name})`,
      description: `A tool of the external server "${server.name}", which says of it: Tells whether it will rain.`,
    });
    // what its server says would have clients ask nobody
    expect(listed?.annotations).toEqual({ title: `Forecast (${server.name})` });
    expect(weather.requests.length).toBeGreaterThan(2);
    for (const request of weather.requests) {
      expect(request.get("authorization")).toBe("Bearer hunter2");
      expect(request.get("x-mode")).toBe("fast");
    }
    await doors.ask("DELETE", `/tools/${server.id}`);
  });

  describe("a tool", () => {
    test("is found by searching, and called by name or by tool_call", async () => {
      const server = await register({ transport: { kind: "http", url: weather.url } });
      const client = await doors.connect();
      const search = async (query: string, more: object = {}): Promise<unknown[]> => {
        const { structuredContent } = await client.callTool({ name: "tool_search", arguments: { query, ...more } });
        return (structuredContent as { readonly tools: unknown[] }).tools;
      };
      const name = `${server.name}__forecast`;
      const found = expect.objectContaining({ name, server: server.name, inputSchema: expect.anything() });
      expect(await search("rain tomorrow", { server: server.name })).toEqual([found]);
      expect(await search("nothing like it")).toEqual([]);
      const called = await client.callTool({ name: "tool_call", arguments: { name, arguments: { city: "Rome" } } });
      expect(called).toMatchObject({ structuredContent: { city: "Rome", rain: true } });
      const unknown = await client.callTool({ name: "tool_call", arguments: { name: `${name}s` } });
      expect(unknown).toMatchObject({ isError: true, structuredContent: { error: { code: "not_found" } } });
      await doors.ask("DELETE", `/tools/${server.id}`);
    });

    describe("that goes wrong", () => {
      let bad: Answer["data"];
      beforeAll(async () => {
        bad = await register({ transport: stdio() });
      });
      test.each([
        ["arguments against its schema", "echo", { text: 1 }, 400, "invalid_argument", "bad_arguments"],
        ["nonsense", "nonsense", {}, 503, "unavailable", "bad_answer"],
        ["more than can be read", "big", { bytes: 2_000_000 }, 429, "resource_exhausted", "output_too_large"],
        ["a crash", "crash", {}, 503, "unavailable", "tool_crashed"],
      ])("with %s is answered so, by both doors", async (_what, tool, given, status, code, reason) => {
        const answer = await execute(bad.id, tool, given);
        expect(answer, answer.text).toMatchObject({ status, error: { code, reason } });
        const client = await doors.connect();
        const called = await client.callTool({ name: `${bad.name}__${tool}`, arguments: given });
        expect(called).toMatchObject({ isError: true, structuredContent: { error: { code, reason } } });
      });
    });

    test("that says that it failed has answered", async () => {
      expect(await execute(shared.id, "fail")).toMatchObject({ status: 200, data: { isError: true } });
      const client = await doors.connect();
      const failed = await client.callTool({ name: `${shared.name}__fail`, arguments: {} });
      expect(failed).toMatchObject({ isError: true, content: [{ type: "text", text: "it failed" }] });
    });

    test("that hangs ends with its time, and holds up no other", async () => {
      const hanging = await register({ transport: stdio(), timeoutMs: 60_000 });
      const inFlight = async (): Promise<number> =>
        (await doors.ask("GET", `/tools/${hanging.id}/health`)).data.inFlight;
      const hangs = execute(hanging.id, "hang");
      await waitFor(async () => (await inFlight()) === 1, { what: "the call to be under way" });
      for (const id of [shared.id, hanging.id]) {
        expect((await execute(id, "echo", { text: "a" })).status).toBe(200);
      }
      expect(await execute(hanging.id, "hang", {}, { timeoutMs: 50 })).toMatchObject({
        status: 504,
        error: { code: "deadline_exceeded" },
      });
      expect(await inFlight()).toBe(1);
      const over = await execute(hanging.id, "echo", { text: "a" }, { timeoutMs: 60_001 });
      expect(over).toMatchObject({ status: 400, error: { message: expect.stringContaining("60000") } });
      // what is removed is closed, and ends what waits for it
      await doors.ask("DELETE", `/tools/${hanging.id}`);
      expect(await hangs).toMatchObject({ status: 503, error: { reason: "tool_crashed" } });
    });

    test("tells its progress", async () => {
      const client = await doors.connect();
      const told: unknown[] = [];
      const onprogress = (progress: unknown): void => void told.push(progress);
      await client.callTool({ name: `${shared.name}__progress`, arguments: {} }, { onprogress });
      expect(told[0]).toMatchObject({ progress: 1, total: 2, message: "on it" });
    });
  });

  test("a call that may take long is a task, unless it is over soon: it can be cancelled", async () => {
    const server = await register({ transport: stdio(), timeoutMs: 60_000 });
    const send = async (method: string, params: Readonly<Record<string, unknown>>): Promise<Answer["data"]> => {
      const capabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } };
      const headers = { "mcp-name": String(params["taskId"] ?? params["name"]) };
      const response = await sendModern(doors.mcpUrl, doors.apiKey, { method, params, capabilities, headers });
      return ((await response.json()) as Answer["data"]).result;
    };
    const call = (tool: string, given: object = {}): Promise<Answer["data"]> =>
      send("tools/call", { name: `${server.name}__${tool}`, arguments: given });
    const text = [{ type: "text", text: "a" }];
    expect(await call("echo", { text: "a" })).toMatchObject({ content: text, structuredContent: { echoed: "a" } });
    expect(await call("crash")).toMatchObject({
      isError: true,
      structuredContent: { error: { reason: "tool_crashed" } },
    });
    const { resultType, taskId, status } = await call("hang");
    expect([resultType, status]).toEqual(["task", "working"]);
    await send("tasks/cancel", { taskId });
    await waitFor(async () => (await send("tasks/get", { taskId })).status === "cancelled", { what: "the end" });
    const listCalls = async (): Promise<Answer["data"]> => (await doors.ask("GET", `/tools/${server.id}/calls`)).data;
    await waitFor(async () => (await listCalls()).length === 3, { what: "the record" });
    expect(await listCalls()).toMatchObject([
      { tool: "hang", outcome: "cancelled", door: "mcp", taskId },
      { tool: "crash", outcome: "unavailable", taskId: expect.any(String) },
      { tool: "echo", outcome: "ok", taskId: expect.any(String) },
    ]);
    const client = await doors.connect();
    const echoed = await client.callTool({ name: `${server.name}__echo`, arguments: { text: "a" } });
    expect(echoed).toMatchObject({ content: text });
    await doors.ask("DELETE", `/tools/${server.id}`);
  });

  test("a server that fails again and again is left alone, shown so, and called again when it is well", async () => {
    await using folder = await openFolder();
    const sick = join(folder.path, "sick");
    await writeFile(sick, "");
    const server = await register({ transport: stdio([`sick=${sick}`]) });
    const client = await doors.connect();
    const call = async (tool: string): Promise<Answer["error"]> => {
      const called = await client.callTool({ name: tool, arguments: { text: "a" } });
      return (called.structuredContent as Answer | undefined)?.error;
    };
    const work = `${server.name}__work`;
    const health = async (id = server.id): Promise<Answer> => doors.ask("GET", `/tools/${id}/health`);

    // each process learns for itself; a call that is let through to try fails, and closes the way again
    let last: Answer | undefined;
    let shown: Answer | undefined;
    const isOpen = async (): Promise<boolean> => {
      last = await execute(server.id, "work");
      shown = await health();
      return last.error?.reason === "breaker_open" && shown.data.breaker === "open";
    };
    await waitFor(isOpen, { what: "the breaker to open" });
    expect(last).toMatchObject({ status: 503, error: { code: "unavailable", reason: "breaker_open" } });
    expect(last?.headers.get("retry-after")).not.toBeNull();
    expect(shown?.data).toMatchObject({ retryAfterMs: expect.any(Number), isConnected: false });
    await waitFor(async () => (await call(work))?.reason === "breaker_open", { what: "the node's breaker to open" });

    // nobody else is disturbed
    expect((await execute(shared.id, "echo", { text: "a" })).status).toBe(200);
    expect(await call(`${shared.name}__echo`)).toBeUndefined();
    expect((await health(shared.id)).data).toMatchObject({ breaker: "closed" });

    await rm(sick);
    await waitFor(async () => (await health()).data.breaker === "half_open", { what: "the breaker to rest" });
    expect(await execute(server.id, "work")).toMatchObject({ status: 200, data: { content: [{ text: "done" }] } });
    expect((await health()).data).toMatchObject({ breaker: "closed", isConnected: true });
    expect((await health()).data).not.toHaveProperty("retryAfterMs");
    await waitFor(async () => (await call(work)) === undefined, { what: "the node to call it again" });
    await doors.ask("DELETE", `/tools/${server.id}`);
  });

  test("what was changed begins anew", async () => {
    const server = await register({ transport: stdio() });
    const hang = (): Promise<Answer> => execute(server.id, "hang", {}, { timeoutMs: 20 });
    await waitFor(async () => (await hang()).error?.reason === "breaker_open", { what: "the breaker to open" });
    await doors.ask("PATCH", `/tools/${server.id}`, { body: { timeoutMs: 20_000 } });
    expect((await execute(server.id, "echo", { text: "a" })).status).toBe(200);
    await doors.ask("DELETE", `/tools/${server.id}`);
  });

  test("every call is written down, without what it was about", async () => {
    const server = await register({ transport: stdio() });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const body = { tool: "echo", arguments: { text: "a private text" } };
    await doors.ask("POST", `/tools/${server.id}/execute`, { body, headers: { traceparent } });
    await execute(server.id, "fail");
    await execute(server.id, "crash");
    const client = await doors.connect();
    await client.callTool({ name: `${server.name}__echo`, arguments: { text: "a private text" } });
    const first = await doors.ask("GET", `/tools/${server.id}/calls?limit=3`);
    const meta = JSON.parse(first.text).meta;
    const rest = await doors.ask("GET", `/tools/${server.id}/calls?limit=3&cursor=${meta.nextCursor}`);
    const calls = [...first.data, ...rest.data];
    expect(calls.map(({ tool, door, outcome, reason }) => [tool, door, outcome, reason])).toEqual([
      ["echo", "mcp", "ok", undefined],
      ["crash", "rest", "unavailable", "tool_crashed"],
      ["fail", "rest", "tool_error", undefined],
      ["echo", "rest", "ok", undefined],
    ]);
    expect(calls[3]).toMatchObject({ traceparent, argumentBytes: 25, resultBytes: expect.any(Number) });
    expect(first.text + rest.text).not.toContain("private");
    await doors.ask("DELETE", `/tools/${server.id}`);
    expect((await doors.ask("GET", `/tools/${server.id}/calls`)).data).toHaveLength(4);
  });

  describe("of another tenant", () => {
    test("nothing is seen, called or changed", async () => {
      const key = await doors.createKey(["admin"], await doors.createTenant());
      const path = `/tools/${shared.id}`;
      const body = { tool: "echo", arguments: { text: "a" } };
      const answers = await Promise.all([
        doors.ask("GET", path, { key }),
        doors.ask("PATCH", path, { key, body: { enabled: false } }),
        doors.ask("DELETE", path, { key }),
        doors.ask("GET", `${path}/health`, { key }),
        doors.ask("POST", `${path}/refresh`, { key, body: {} }),
        doors.ask("POST", `${path}/execute`, { key, body }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
      expect((await doors.ask("GET", "/tools", { key })).data).toEqual([]);
      expect((await doors.ask("GET", `${path}/calls`, { key })).data).toEqual([]);
      const client = await doors.connect({ key });
      expect((await namesOf(client)).filter((name) => name.includes("__"))).toEqual([]);
      await expect(client.callTool({ name: `${shared.name}__echo`, arguments: {} })).rejects.toMatchObject({
        code: -32_602,
      });
    });

    test("a server may have the same name, and each calls its own", async () => {
      const key = await doors.createKey(["admin"], await doors.createTenant());
      await register({ name: shared.name, transport: stdio([], { WHOSE: "theirs" }) }, key);
      const whose = async (of?: string): Promise<unknown> => {
        const client = await doors.connect(of === undefined ? {} : { key: of });
        return JSON.parse(textOf(await client.callTool({ name: `${shared.name}__env`, arguments: {} }))).WHOSE;
      };
      expect([await whose(), await whose(key)]).toEqual([undefined, "theirs"]);
    });
  });

  describe("without the scopes", () => {
    let server: Answer["data"];
    beforeAll(async () => {
      server = await register({ transport: stdio(), scopes: ["dlq:write"] });
    });
    test.each<[string, readonly Scope[], { list: number; execute: number; isListed: boolean; call: string }]>([
      ["tools:execute alone", ["tools:execute"], { list: 200, execute: 404, isListed: false, call: "-32602" }],
      ["what the server asks for alone", ["dlq:write"], { list: 403, execute: 403, isListed: false, call: "-32602" }],
      ["both", ["tools:execute", "dlq:write"], { list: 200, execute: 200, isListed: true, call: "a" }],
    ])("%s: a server that asks for more is seen and called, or is not", async (_what, scopes, expected) => {
      const key = await doors.createKey(scopes);
      const list = await doors.ask("GET", "/tools", { key });
      const body = { tool: "echo", arguments: { text: "a" } };
      const executed = await doors.ask("POST", `/tools/${server.id}/execute`, { key, body });
      const client = await doors.connect({ key });
      const name = `${server.name}__echo`;
      const called = client.callTool({ name, arguments: body.arguments }).then(textOf, ({ code }) => String(code));
      expect({
        list: list.status,
        execute: executed.status,
        isListed: (await namesOf(client)).includes(name),
        call: await called,
      }).toEqual(expected);
      expect(list.text.includes(server.id)).toBe(expected.isListed);
    });

    test("nothing is registered or changed, and how a server is reached is not shown", async () => {
      const key = await doors.createKey(["tools:execute"]);
      const path = `/tools/${shared.id}`;
      const refused = await Promise.all([
        doors.ask("POST", "/tools", { key, body: { name: "a", transport: stdio() } }),
        doors.ask("PATCH", path, { key, body: { enabled: false } }),
        doors.ask("DELETE", path, { key }),
        doors.ask("POST", `${path}/refresh`, { key, body: {} }),
        doors.ask("GET", `${path}/calls`, { key }),
      ]);
      expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
      const shown = await doors.ask("GET", path, { key });
      expect(shown.data).not.toHaveProperty("transport");
      expect(shown.data.tools.length).toBeGreaterThan(3);
    });
  });

  describe("bad input", () => {
    test.each([
      ["a name with an underscore", { name: "a_b", transport: stdio() }, "name"],
      ["no transport", { name: "a" }, "transport"],
      ["a scope that is none", { name: "a", transport: stdio(), scopes: ["everything"] }, "scopes[0]"],
      [
        "a variable that loads code",
        { name: "a", transport: stdio([], { LD_PRELOAD: "a" }) },
        "transport.env.LD_PRELOAD",
      ],
      ["a URL of another kind", { name: "a", transport: { kind: "http", url: "file:///a" } }, "transport.url"],
      ["a time out of bounds", { name: "a", transport: stdio(), timeoutMs: 3_600_001 }, "timeoutMs"],
    ])("%s is named", async (_what, body, path) => {
      const answer = await doors.ask("POST", "/tools", { body });
      expect(answer).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
      expect(JSON.parse(answer.text).error.details).toContainEqual(expect.objectContaining({ path }));
    });

    test("a body that is too large is 413", async () => {
      const body = { name: "a", transport: stdio(["x".repeat(1_100_000)]) };
      expect(await doors.ask("POST", "/tools", { body })).toMatchObject({ status: 413 });
    });

    test("a tenant has at most 50 servers, each name once, and a key registers one", async () => {
      const key = await doors.createKey(["admin"], await doors.createTenant());
      const post = (name: string, headers = {}, secret = "hunter2"): Promise<Answer> => {
        const transport = stdio([], { TOKEN: { secret } });
        return doors.ask("POST", "/tools", { key, headers, body: { name, transport, enabled: false } });
      };
      const once = { "idempotency-key": "k" };
      const first = await post("s-0", once);
      const again = await post("s-0", once);
      expect(again).toMatchObject({ status: 201, data: first.data });
      expect(again.headers.get("idempotent-replay")).toBe("true");
      for (const reused of [post("s-1", once), post("s-0", once, "hunter3")]) {
        expect(await reused).toMatchObject({ status: 409, error: { reason: "idempotency_key_reused" } });
      }
      expect(await post("s-0")).toMatchObject({ status: 409, error: { code: "conflict", reason: "name_taken" } });
      const more = await Promise.all(Array.from({ length: 50 }, (_, at) => post(`s-${at + 1}`)));
      expect(more.filter(({ status }) => status === 201)).toHaveLength(49);
      expect(more.find(({ status }) => status !== 201)?.error).toMatchObject({ code: "failed_precondition" });
      const disabled = await doors.ask("POST", `/tools/${first.data.id}/execute`, { key, body: { tool: "echo" } });
      expect(disabled.status).toBe(404);
    });
  });

  test("many tools are searched, and not listed", async () => {
    const tenantId = await doors.createTenant();
    const key = await doors.createKey(["admin"], tenantId);
    const server = await register({ transport: stdio(["list=huge"]) }, key);
    expect(server.toolCount).toBe(1_000);
    const client = await doors.connect({ key });
    expect((await namesOf(client)).filter((name) => name.includes("__"))).toEqual([]);
    const found = await client.callTool({ name: "tool_search", arguments: { query: "tool 777", limit: 1 } });
    expect(found.structuredContent).toMatchObject({ tools: [{ name: `${server.name}__tool_777` }] });
    const refreshed = await doors.ask("POST", `/tools/${server.id}/refresh`, { key, body: {} });
    expect(refreshed.data.leftOut.length).toBe(50);
    await doors.ask("DELETE", `/tools/${server.id}`, { key });
  });

  test("clients are told when the tools change, and what is gone is called no more", async () => {
    const key = await doors.createKey(["admin"], await doors.createTenant());
    const client = await doors.connect({ key, era: "legacy" });
    const told: unknown[] = [];
    client.setNotificationHandler("notifications/tools/list_changed", (one) => void told.push(one));
    const server = await register({ transport: stdio() }, key);
    await waitFor(async () => told.length > 0 && (await namesOf(client)).includes(`${server.name}__pid`), {
      what: "the tools",
    });
    const before = told.length;
    await doors.ask("PATCH", `/tools/${server.id}`, { key, body: { enabled: false } });
    await waitFor(async () => told.length > before && !(await namesOf(client)).includes(`${server.name}__pid`), {
      what: "none",
    });
    const call = client.callTool({ name: `${server.name}__pid`, arguments: {} });
    await expect(call).rejects.toMatchObject({ code: -32_602 });
    await doors.ask("DELETE", `/tools/${server.id}`, { key });
  });
});
