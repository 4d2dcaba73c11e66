import { randomUUID } from "node:crypto";
import type { TenantId } from "@devmesh/models";
import { keyRepository } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { ask, callOf, type HeardStream, initialize, type McpRequest, modern, request } from "./_mcp-http.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;
let other: Node;

beforeAll(async () => {
  mesh = await openMesh();
  const hasty = { ...intervals, credentialCheckMs: 50 };
  node = await mesh.startNode({ conformanceFixtures: true, intervals: hasty, streams: { max: 6, maxPerTenant: 4 } });
  other = await mesh.startNode({
    publicUrl: "https://mesh.example",
    allowedHosts: ["127.0.0.1"],
    allowedOrigins: ["https://pages.example:8443"],
    http: { host: "0.0.0.0", port: 0 },
    rateLimit: { perSecond: 1, burst: 10 },
    conformanceFixtures: true,
  });
});
afterAll(() => mesh[Symbol.asyncDispose]());

function send(asked: Omit<McpRequest, "port">): Promise<HeardStream> {
  return request({ port: node.port, key: mesh.key, ...asked });
}

interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly reason: string | undefined;
  readonly headers: Headers;
}

async function refusalOf(asked: Omit<McpRequest, "port"> & { readonly port?: number }): Promise<Refusal> {
  const heard = await request({ port: node.port, key: mesh.key, ...asked });
  const { code, data } = (await heard.next())?.message.error ?? {};
  return { status: heard.response.status, code, reason: data?.reason, headers: heard.response.headers };
}

describe("a request that is none", () => {
  test.each([
    ["no JSON", { message: "{" }, 400, -32_700],
    ["no message", { message: "7" }, 400, -32_600],
    ["a batch", { message: "[]" }, 400, -32_600],
    ["no JSON-RPC", { message: { hello: 1 } }, 400, -32_600],
    ["nested too deep", { message: `{"a":${"[".repeat(600)}${"]".repeat(600)}}` }, 400, -32_600],
    ["of another type", { message: "{}", headers: { "content-type": "text/plain" } }, 415, -32_000],
    ["compressed", { message: "{}", headers: { "content-encoding": "gzip" } }, 415, -32_000],
    ["too large", { message: `{"a":"${"x".repeat(4_194_304)}"}` }, 413, -32_000],
    ["a method of HTTP that is not offered", { method: "PUT", message: "{}" }, 405, -32_000],
    ["GET without a session", { method: "GET" }, 400, -32_600],
    // as some clients send with every request
    ["GET with a type, and no body", { method: "GET", headers: { "content-type": "application/json" } }, 400, -32_600],
    ["GET of the newer generation", { method: "GET", headers: { "mcp-protocol-version": "2026-07-28" } }, 405, -32_000],
    [
      "a session that begins with too much to keep",
      {
        message: ask("initialize", {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "n".repeat(70_000), version: "1" },
        }),
      },
      400,
      -32_602,
    ],
    ["of no generation", { message: { jsonrpc: "2.0", id: 1, method: "tools/list" } }, 400, -32_600],
  ] as const)("is refused: %s", async (_, asked, status, code) => {
    expect(await refusalOf(asked)).toMatchObject({ status, code });
  });

  test("says which methods there are", async () => {
    expect((await refusalOf({ method: "PUT", message: "{}" })).headers.get("allow")).toBe("POST, GET, DELETE, OPTIONS");
  });

  test.each(["/sse", "/messages"])("goes to %s, which only an older transport has", async (path) => {
    expect(await refusalOf({ path, message: "{}" })).toMatchObject({ status: 404 });
  });
});

test.each(["/mcp/other", "/mcp/", "/mcp//", "/mcp/%0A", "//mcp", "/MCP"])(
  "what is no address is read of nobody: %s",
  async (path) => {
    const { response } = await request({ port: node.port, path, message: "{" });
    expect(response.status).toBe(404);
  },
);

describe("a caller", () => {
  test.each([
    ["without a key", {}, undefined, "missing_credential"],
    ["with what is none", {}, "nonsense", "malformed_key"],
    ["with a token", {}, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "token_unsupported"],
  ])("%s is asked for one", async (_, _headers, key, reason) => {
    const refusal = await refusalOf({
      ...(key !== undefined ? { key } : { headers: { authorization: "" } }),
      message: ask("ping"),
    });
    expect(refusal).toMatchObject({ status: 401, reason });
    const challenge = refusal.headers.get("www-authenticate") ?? "";
    expect(challenge).toMatch(/^Bearer .*scope="agents:connect [a-z: ]+", resource_metadata="http:.+\/mcp"$/);
    expect(challenge.includes('error="invalid_token"')).toBe(reason !== "missing_credential");
  });

  test("may give the key as X-API-Key", async () => {
    const heard = await request({
      port: node.port,
      headers: { "x-api-key": mesh.key },
      message: ask("initialize", {}),
    });
    expect(heard.response.status).toBe(400);
  });

  test("whose key lacks a scope is told which, before anything is done", async () => {
    const key = await mesh.createKey({ scopes: ["tasks:read"] });
    const asked = modern("tools/call", { name: "task_create", arguments: { type: "x" } });
    const refusal = await refusalOf({ ...asked, key: key.text });
    expect(refusal).toMatchObject({ status: 403, reason: "insufficient_scope" });
    expect(refusal.headers.get("www-authenticate")).toMatch(
      /^Bearer error="insufficient_scope", scope="tasks:write", resource_metadata="http/,
    );
    const session = await initialize(node.port, key.text);
    const legacy = await refusalOf({ session, key: key.text, message: callOf("task_create", { type: "x" }) });
    expect(legacy).toMatchObject({ status: 403, reason: "insufficient_scope" });
  });

  test("who calls too often is told when to come again, one without a key by address", async () => {
    const key = await mesh.createKey();
    const call = async (text: string): Promise<Response> =>
      (await request({ port: other.port, key: text, message: ask("ping") })).response;
    const strangers = await Promise.all(Array.from({ length: 40 }, () => call("nonsense")));
    expect(new Set(strangers.map(({ status }) => status))).toEqual(new Set([401, 429]));
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(key.text)));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect(answers.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("1");
  });
});

describe("an origin", () => {
  const preflight = { method: "OPTIONS", headers: { "access-control-request-headers": "mcp-param-x" } } as const;

  test.each([
    ["of this machine", "http://localhost:6274", true],
    ["of this machine, by address", "http://127.0.0.1:1", true],
    ["of elsewhere", "https://evil.example", false],
    ["that is none", "null", false],
  ])("%s: on a node that listens to this machine alone", async (_, origin, isAllowed) => {
    const heard = await send({
      ...modern("server/discover"),
      headers: { ...modern("server/discover").headers, origin },
    });
    expect(heard.response.status).toBe(isAllowed ? 200 : 403);
    expect(heard.response.headers.get("access-control-allow-origin")).toBe(isAllowed ? origin : null);
    const asked = await send({ ...preflight, headers: { ...preflight.headers, origin } });
    expect(asked.response.status).toBe(isAllowed ? 204 : 403);
    expect(asked.response.headers.get("access-control-allow-headers")).toBe(isAllowed ? "mcp-param-x" : null);
  });

  test.each([
    ["listed", "https://pages.example:8443", 204],
    ["of another port", "https://pages.example", 403],
    ["of the public address", "https://mesh.example", 204],
    ["of this machine", "http://localhost:6274", 403],
  ])("%s: on a node with lists", async (_, origin, status) => {
    const { response } = await request({ port: other.port, ...preflight, headers: { origin } });
    expect(response.status).toBe(status);
  });

  test("counts for nothing under a host that is not ours", async () => {
    const key = await mesh.createKey();
    // fetch sets Host by itself
    const { status, body } = await rawRequest(node.port, { host: "evil.example", authorization: `Bearer ${key.text}` });
    expect([status, JSON.parse(body).error.data]).toEqual([403, { code: "permission_denied", reason: "host" }]);
    expect((await rawRequest(node.port, { host: `localhost:${node.port}` })).status).toBe(401);
    // asked for a key, or to come again later
    expect((await rawRequest(other.port, { host: "mesh.example" })).status).not.toBe(403);
  });
});

describe("what a client finds without a key", () => {
  test("says how the resource is protected, with and without its path", async () => {
    const base = "/.well-known/oauth-protected-resource";
    for (const path of [base, `${base}/mcp`]) {
      const { response } = await request({ port: node.port, method: "GET", path });
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
    }
    const heard = await request({ port: other.port, method: "GET", path: base });
    expect((await heard.next())?.message).toMatchObject({
      resource: "https://mesh.example/mcp",
      bearer_methods_supported: ["header"],
      scopes_supported: expect.arrayContaining(["tasks:read"]),
    });
  });

  test("is not said under a host that is not ours", async () => {
    for (const path of [
      "/.well-known/oauth-protected-resource/mcp",
      "/.well-known/mcp/catalog.json",
      "/mcp/server-card",
    ]) {
      const { status } = await rawRequest(node.port, { host: "evil.example" }, { method: "GET", path });
      expect(status).toBe(403);
    }
  });

  test("leads to the card of the server, which says that it is experimental", async () => {
    const catalog = await request({ port: node.port, method: "GET", path: "/.well-known/mcp/catalog.json" });
    const { entries, ...about } = (await catalog.next())?.message ?? {};
    expect(about).toEqual({ specVersion: "draft", experimental: true });
    const card = await fetch(entries[0].url);
    expect(await card.json()).toMatchObject({
      remotes: [{ type: "streamable-http", url: `http://127.0.0.1:${node.port}/mcp` }],
      _meta: { experimental: true },
    });
  });
});

describe("a subscription", () => {
  const tasks = { extensions: { "io.modelcontextprotocol/tasks": {} } };
  const listen = (notifications: object, capabilities = {}): ReturnType<typeof modern> =>
    modern("subscriptions/listen", { notifications }, capabilities);
  const change = async (port: number, key = mesh.key): Promise<void> => {
    await (
      await request({
        port,
        key,
        ...modern("tools/call", { name: "test_trigger_tool_change", arguments: {} }),
      })
    ).rest();
  };

  test("hears of changes at any node in its own tenant, and of those alone that it asked for", async () => {
    const tenantId = randomUUID() as string as TenantId;
    await keyRepository(mesh.database).createTenant({ id: tenantId, name: tenantId });
    const stranger = await mesh.createKey({ tenantId });
    const own = await send(listen({ toolsListChanged: true }));
    const deaf = await send(listen({ promptsListChanged: true }));
    const strange = await send({ ...listen({ toolsListChanged: true }), key: stranger.text });
    const all = [own, deaf, strange];
    for (const stream of all) expect((await stream.next())?.message.method).toMatch(/acknowledged$/);
    await change(other.port);
    expect((await own.next())?.message.method).toBe("notifications/tools/list_changed");
    await change(node.port, stranger.text);
    expect((await strange.next())?.message.method).toBe("notifications/tools/list_changed");
    for (const stream of all) stream.cut();
  });

  test("hears of a task until it is over, and stays open for it", async () => {
    const { task } = await mesh.engine.submit(
      { tenantId: mesh.tenantId, principalId: randomUUID() as never },
      { type: "listened" },
    );
    const heard = await send(listen({ taskIds: [task.id, randomUUID()] }, tasks));
    const acknowledged = (await heard.next())?.message;
    expect(acknowledged.params.notifications).toEqual({ taskIds: [task.id] });
    expect((await heard.next("notifications/tasks"))?.message.params).toMatchObject({
      taskId: task.id,
      status: "working",
    });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: task.id }, "test");
    const over = (await heard.next("notifications/tasks"))?.message.params;
    expect(over).toMatchObject({ taskId: task.id, status: "cancelled" });
    expect(over._meta).toEqual(acknowledged.params._meta);
    heard.cut();
  });

  test("to tasks needs a client that knows them, and ids", async () => {
    expect(await refusalOf(listen({ taskIds: [] }))).toMatchObject({ status: 400, code: -32_021 });
    expect(await refusalOf(listen({ taskIds: "x" }, tasks))).toMatchObject({ status: 400, code: -32_602 });
    const many = Array.from({ length: 101 }, () => randomUUID());
    expect(await refusalOf(listen({ taskIds: many }, tasks))).toMatchObject({ status: 400 });
  });

  test("ends with its key", async () => {
    const key = await mesh.createKey();
    const heard = await send({ ...listen({ toolsListChanged: true }), key: key.text });
    await heard.next();
    await mesh.revokeKey(key.id);
    await heard.rest();
  });

  test("is one of a bounded number, of its tenant and of the node", async () => {
    const open = [];
    for (let n = 0; n < 4; n++) open.push(await send(listen({ toolsListChanged: true })));
    expect(await refusalOf(listen({ toolsListChanged: true }))).toMatchObject({
      status: 429,
      reason: "too_many_streams",
    });
    for (const stream of open) stream.cut();
  });

  test("is one of a bounded number, when many come at once, too", async () => {
    const submission = { type: "crowded" };
    const { task } = await mesh.engine.submit(
      { tenantId: mesh.tenantId, principalId: randomUUID() as never },
      submission,
    );
    const asked = listen({ resourceSubscriptions: [`devmesh://tasks/${task.id}`] });
    const came = await Promise.all(Array.from({ length: 12 }, () => send(asked)));
    expect(came.filter(({ response }) => response.ok)).toHaveLength(4);
    for (const stream of came) stream.cut();
    await waitFor(async () => {
      const next = await send(asked);
      next.cut();
      return next.response.ok;
    });
  });

  test("leaves nothing behind when its client goes", async () => {
    const key = await mesh.createKey({ scopes: ["metrics:read"] });
    const count = async (): Promise<readonly string[]> => {
      const answer = await fetch(`http://127.0.0.1:${node.port}/metrics`, { headers: { "x-api-key": key.text } });
      return (
        (await answer.text()).match(/^devmesh_(mcp_subscriptions|mcp_resource_watches|task_watches)\{.* \d+$/gm) ?? []
      );
    };
    const { task } = await mesh.engine.submit(
      { tenantId: mesh.tenantId, principalId: randomUUID() as never },
      { type: "watched" },
    );
    const filter = {
      toolsListChanged: true,
      resourceSubscriptions: [`devmesh://tasks/${task.id}`],
      taskIds: [task.id],
    };
    const heard = await send(listen(filter, tasks));
    expect((await heard.next())?.message.params.notifications).toEqual(filter);
    expect((await count()).map((line) => Number(line.split(" ").at(-1)) > 0)).toEqual([true, true, true]);
    heard.cut();
    await waitFor(async () => (await count()).every((line) => line.endsWith(" 0")));
    expect(await count()).toHaveLength(3);
  });

  test("ends with a result when the node stops", async () => {
    const third = await mesh.startNode();
    const heard = await request({ port: third.port, key: mesh.key, ...listen({ toolsListChanged: true }) });
    await heard.next();
    const ended = heard.rest();
    await third.stop();
    expect((await ended).at(-1)?.message.result).toMatchObject({ resultType: "complete" });
  });
});

async function rawRequest(
  port: number,
  headers: Readonly<Record<string, string>>,
  { method = "POST", path = "/mcp" } = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const { request: httpRequest } = await import("node:http");
  const answered = Promise.withResolvers<{ status: number; body: string }>();
  const sent = httpRequest({ port, host: "127.0.0.1", path, method, agent: false, headers }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    response.on("end", () => answered.resolve({ status: response.statusCode ?? 0, body }));
  });
  sent.on("error", answered.reject).end(method === "POST" ? "{}" : undefined);
  return answered.promise;
}
