import { randomUUID } from "node:crypto";
import { memorySessions, openRedisFanOut, openRedisSessions, type SessionStore } from "@devmesh/adapters";
import { createLogger } from "@devmesh/observability";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { ask, callOf, type HeardStream, initialize, type McpRequest, request } from "./_mcp-http.ts";
import { type Mesh, type Node, type NodeConfig, openMesh } from "./_mesh.ts";

const url = process.env["DEVMESH_REDIS_URL"];
const bounds = { idleMs: 60_000, maxPerTenant: 500, maxEvents: 256, maxEventBytes: 1_048_576 };
const logger = createLogger({ level: "silent", service: "test" });
const clientInfo = { name: "test", version: "1" };
const elicits = { elicitation: { form: {} } };
const notFound = { error: { code: -32_000, data: { code: "not_found", reason: "session" } } };

checkLeaks();

describe.skipIf(url === undefined)("a session of the older generation, on two nodes with Redis", () => {
  const stack = new AsyncDisposableStack();
  let mesh: Mesh;
  let a: Node;
  let b: Node;
  let store: SessionStore;
  let to: (node: Node, asked: Omit<McpRequest, "port" | "key">) => Promise<HeardStream>;

  beforeAll(async () => {
    mesh = stack.use(await openMesh());
    store = stack.use(openRedisSessions({ url: url ?? "", ...bounds }));
    [a, b] = await Promise.all([startNode(), startNode()]);
    to = (node, asked) => request({ port: node.port, key: mesh.key, ...asked });
  });
  afterAll(() => stack.disposeAsync());

  async function startNode(config: NodeConfig = {}): Promise<Node> {
    const fanOut = stack.use(openRedisFanOut({ url: url ?? "", logger }));
    const sessions = stack.use(openRedisSessions({ url: url ?? "", ...bounds }));
    await waitFor(() => fanOut.isReady);
    return mesh.startNode(
      { conformanceFixtures: true, intervals: { ...intervals, credentialCheckMs: 50 }, ...config },
      { fanOut, sessions },
    );
  }

  const answerTo = (id: unknown, content: object): object => ({
    jsonrpc: "2.0",
    id,
    result: { action: "accept", content },
  });

  test("begins at one node and goes on at the other", async () => {
    const session = await initialize(a.port, mesh.key);
    for (const node of [b, a, b]) {
      const heard = await to(node, { session, message: callOf("test_simple_text") });
      expect(heard.response.headers.get("mcp-session-id")).toBe(session);
      expect((await heard.rest()).at(-1)?.message.result.content[0].type).toBe("text");
    }
  });

  test("resumes at the other node a stream that was cut, and is answered through that one", async () => {
    const session = await initialize(a.port, mesh.key, elicits);
    const calling = callOf("test_elicitation", { message: "who?" });
    const first = await to(a, { session, message: calling });
    const priming = await first.next();
    const asked = await first.next("elicitation/create");
    first.cut();
    expect(priming).toEqual({ id: expect.stringMatching(/^[\w-]+\.0$/), message: undefined });
    const resumed = await to(b, { session, method: "GET", headers: { "last-event-id": priming?.id ?? "" } });
    expect(await resumed.next()).toEqual(asked);
    const answered = await to(b, { session, message: answerTo(asked?.message.id, { username: "u", email: "e" }) });
    expect(answered.response.status).toBe(202);
    const [result, ...more] = await resumed.rest();
    expect(result?.message).toMatchObject({ id: calling.id, result: { content: [{ type: "text" }] } });
    expect(more).toEqual([]);
    // the answer is there again for who has lost it, at either node
    for (const node of [a, b]) {
      const again = await to(node, { session, method: "GET", headers: { "last-event-id": asked?.id ?? "" } });
      expect(await again.rest()).toEqual([result]);
    }
  });

  test("forwards an answer that is larger than the fan-out carries", async () => {
    const session = await initialize(a.port, mesh.key, elicits);
    const calling = await to(a, { session, message: callOf("test_elicitation", { message: "who?" }) });
    const asked = await calling.next("elicitation/create");
    const content = { username: "x".repeat(20_000), email: "e" };
    await to(b, { session, message: answerTo(asked?.message.id, content) });
    expect(JSON.stringify((await calling.rest()).at(-1)?.message)).toContain(content.username);
  });

  test("is told at one node that a request of the other is cancelled", async () => {
    const session = await initialize(a.port, mesh.key);
    const message = callOf("test_waits_for_cancellation");
    const calling = await to(a, { session, message });
    await calling.next();
    await to(b, {
      session,
      message: { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: message.id } },
    });
    expect((await calling.rest()).some(({ message }) => message?.result !== undefined)).toBe(false);
  });

  test("hears of changes once, wherever its own stream is, and of those while it was cut", async () => {
    const session = await initialize(a.port, mesh.key);
    const other = await initialize(b.port, mesh.key);
    const change = async (): Promise<void> => {
      await (await to(b, { session: other, message: callOf("test_trigger_tool_change") })).rest();
    };
    const own = await to(a, { session, method: "GET" });
    const start = await own.next();
    await change();
    const first = await own.next("notifications/tools/list_changed");
    expect(first?.id).toBe("own.1");
    own.cut();
    await change();
    // what is on its way to the one node while the stream moves to the other is lost
    await waitFor(async () => (await store.read(session, "own", 1)).length > 0, { what: "the change to be kept" });
    const moved = await to(b, { session, method: "GET", headers: { "last-event-id": start?.id ?? "" } });
    const resumed = [await moved.next(), await moved.next("notifications/tools/list_changed")];
    expect(resumed[1]).toEqual(first);
    expect((await moved.next("notifications/tools/list_changed"))?.id).toBe("own.2");
    await change();
    expect((await moved.next("notifications/tools/list_changed"))?.id).toBe("own.3");
    moved.cut();
  });

  test("remembers at the other node what it set and subscribed", async () => {
    const session = await initialize(a.port, mesh.key);
    await (await to(a, { session, message: ask("logging/setLevel", { level: "error" }) })).rest();
    const heard = await to(b, { session, message: callOf("test_tool_with_logging") });
    expect((await heard.rest()).filter(({ message }) => message?.method === "notifications/message")).toEqual([]);
    const chatty = await initialize(a.port, mesh.key);
    const told = await to(b, { session: chatty, message: callOf("test_tool_with_logging") });
    expect((await told.rest()).filter(({ message }) => message?.method === "notifications/message")).toHaveLength(3);
  });

  test("hears at the other node of a resource that it subscribed at the first", async () => {
    const session = await initialize(a.port, mesh.key);
    const created = await to(a, { session, message: callOf("task_create", { type: "watched" }) });
    const { id } = (await created.rest()).at(-1)?.message.result.structuredContent.task ?? {};
    const uri = `devmesh://tasks/${id}`;
    await (await to(a, { session, message: ask("resources/subscribe", { uri }) })).rest();
    const own = await to(b, { session, method: "GET" });
    await own.next();
    await (await to(b, { session, message: callOf("task_cancel", { taskId: id, reason: "test" }) })).rest();
    expect((await own.next("notifications/resources/updated"))?.message.params).toEqual({ uri });
    own.cut();
  });

  test("is nobody else's, at either node", async () => {
    const session = await initialize(a.port, mesh.key, elicits);
    const other = await mesh.createKey();
    for (const node of [a, b]) {
      for (const asked of [{ message: ask("ping") }, { method: "GET" }, { method: "DELETE" }] as const) {
        const heard = await to(node, { session, ...asked, headers: { authorization: `Bearer ${other.text}` } });
        expect([heard.response.status, (await heard.next())?.message]).toMatchObject([404, notFound]);
      }
    }
    expect((await to(b, { session, message: ask("ping") })).response.status).toBe(200);
  });

  test("ends by DELETE at one node for the other, with its streams", async () => {
    const session = await initialize(a.port, mesh.key);
    const own = await to(a, { session, method: "GET" });
    await own.next();
    expect((await to(b, { session, method: "DELETE" })).response.status).toBe(200);
    await own.rest();
    for (const node of [a, b]) {
      const heard = await to(node, { session, message: ask("ping") });
      expect([heard.response.status, (await heard.next())?.message]).toMatchObject([404, notFound]);
    }
  });

  test("loses its stream with its key", async () => {
    const key = await mesh.createKey();
    const session = await initialize(a.port, key.text);
    const own = await to(a, { session, method: "GET", headers: { authorization: `Bearer ${key.text}` } });
    await own.next();
    await mesh.revokeKey(key.id);
    expect(await own.rest()).toEqual([]);
  });

  test("lives on when its node stops, and learns what that broke off", async () => {
    const c = await startNode({ shutdownMs: 5_500 });
    const session = await initialize(c.port, mesh.key, elicits);
    const own = await to(c, { session, method: "GET" });
    await own.next();
    const message = callOf("test_elicitation", { message: "who?" });
    const calling = await to(c, { session, message });
    const priming = await calling.next();
    const ended = [own.rest(), calling.rest()];
    await c.stop();
    await Promise.all(ended);
    const resumed = await to(b, { session, method: "GET", headers: { "last-event-id": priming?.id ?? "" } });
    expect((await resumed.rest()).at(-1)?.message).toMatchObject({ id: message.id, error: { code: -32_603 } });
    const heard = await to(a, { session, message: callOf("test_simple_text") });
    expect((await heard.rest()).at(-1)?.message.result.content).toHaveLength(1);
  });
});

describe("a session of the older generation, while Redis is away", () => {
  test("is on its node alone, and 503 elsewhere: it may well live", async () => {
    await using mesh = await openMesh();
    await using sessions = openRedisSessions({ url: "redis://127.0.0.1:1", ...bounds });
    const start = (): Promise<Node> => mesh.startNode({ conformanceFixtures: true }, { sessions });
    const [a, b] = [await start(), await start()];
    const session = await initialize(a.port, mesh.key, elicits);
    const own = await request({ port: a.port, key: mesh.key, session, method: "GET" });
    await own.next();
    const change = await request({ port: a.port, key: mesh.key, session, message: callOf("test_trigger_tool_change") });
    expect((await change.rest()).at(-1)?.message.result.content).toHaveLength(1);
    expect((await own.next())?.message.method).toBe("notifications/tools/list_changed");
    const elsewhere = await request({ port: b.port, key: mesh.key, session, message: ask("ping") });
    expect([elsewhere.response.status, (await elsewhere.next())?.message.error.data]).toEqual([
      503,
      { code: "unavailable", reason: "session_store" },
    ]);
    expect((await request({ port: a.port, key: mesh.key, session, method: "DELETE" })).response.status).toBe(200);
    await own.rest();
  });
});

describe("a session of the older generation, on a node by itself", () => {
  let mesh: Mesh;
  let node: Node;
  let to: (asked: Omit<McpRequest, "port" | "key">) => Promise<HeardStream>;

  beforeAll(async () => {
    mesh = await openMesh();
    const sessions = { ...bounds, maxLive: 2, maxPerTenant: 4, maxEventBytes: 2_000 };
    node = await mesh.startNode({ conformanceFixtures: true, sessions, streams: { max: 3, maxPerTenant: 2 } });
    to = (asked) => request({ port: node.port, key: mesh.key, ...asked });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  test("goes on though its server made room for another's", async () => {
    const sessions = [];
    for (let n = 0; n < 4; n++) sessions.push(await initialize(node.port, mesh.key));
    for (const session of sessions) {
      expect((await to({ session, message: ask("ping") })).response.status).toBe(200);
    }
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
    const refused = await to({ message: ask("initialize", params) });
    expect(refused.response.status).toBe(429);
    expect(refused.response.headers.get("retry-after")).toBe("5");
    expect((await refused.next())?.message.error.data).toMatchObject({ reason: "too_many_sessions" });
    for (const session of sessions) await to({ session, method: "DELETE" });
  });

  test("comes back for an answer whose stream was broken off", async () => {
    const session = await initialize(node.port, mesh.key);
    const message = callOf("test_reconnection");
    const [priming, ...none] = await (await to({ session, message })).rest();
    expect(none).toEqual([]);
    const resumed = await to({ session, method: "GET", headers: { "last-event-id": priming?.id ?? "" } });
    expect((await resumed.rest()).at(-1)?.message).toMatchObject({ id: message.id, result: {} });
    await to({ session, method: "DELETE" });
  });

  test("begins only where one of the others is idle", async () => {
    const sessions = [await initialize(node.port, mesh.key), await initialize(node.port, mesh.key)];
    const streams = await Promise.all(sessions.map((session) => to({ session, method: "GET" })));
    const refused = await to({
      message: ask("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }),
    });
    expect(refused.response.status).toBe(429);
    for (const stream of streams) stream.cut();
    for (const session of sessions) await to({ session, method: "DELETE" });
    // the one that was refused takes nobody's room
    for (let n = 0; n < 4; n++) sessions.push(await initialize(node.port, mesh.key));
    for (const session of sessions.slice(2)) await to({ session, method: "DELETE" });
  });

  test("has as many streams open as its tenant may, and no more", async () => {
    const sessions = [await initialize(node.port, mesh.key), await initialize(node.port, mesh.key)];
    const streams = await Promise.all(sessions.map((session) => to({ session, method: "GET" })));
    const refused = await to({ session: sessions[0] ?? "", method: "GET" });
    expect(refused.response.status).toBe(429);
    expect((await refused.next())?.message.error.data).toMatchObject({ reason: "too_many_streams" });
    const third = await mesh.createKey();
    const busy = await to({ message: ask("initialize", {}), headers: { authorization: `Bearer ${third.text}` } });
    expect(busy.response.status).toBe(400);
    for (const stream of streams) stream.cut();
    for (const session of sessions) await to({ session, method: "DELETE" });
  });

  test.each([
    ["without its id", { message: { jsonrpc: "2.0", id: 1, method: "ping" } }, 400],
    ["that never was", { session: "nobody", message: { jsonrpc: "2.0", id: 1, method: "ping" } }, 404],
    ["for a stream, without its id", { method: "GET" }, 400],
    ["to be ended, without its id", { method: "DELETE" }, 400],
  ] as const)("is refused %s", async (_, asked, status) => {
    expect((await to(asked)).response.status).toBe(status);
  });

  test("carries no answer to a node that has asked nothing", async () => {
    const stack = new AsyncDisposableStack();
    const store = stack.use(memorySessions({ ...bounds, max: 10, now: () => performance.now() }));
    let carried = 0;
    const sessions: SessionStore = {
      ...store,
      stash: (text) => {
        carried += 1;
        return store.stash(text);
      },
    };
    const lonely = stack.use(await mesh.startNode({}, { sessions }));
    const session = await initialize(lonely.port, mesh.key);
    const id = `${randomUUID()}/${randomUUID()}/1`;
    const message = { jsonrpc: "2.0", id, result: { action: "accept", content: { text: "x".repeat(100_000) } } };
    const { response } = await request({ port: lonely.port, key: mesh.key, session, message });
    expect([response.status, carried]).toEqual([202, 0]);
    await stack.disposeAsync();
  });

  test("refuses what it can't be asked", async () => {
    const session = await initialize(node.port, mesh.key);
    const get = { session, method: "GET" } as const;
    const statuses = await Promise.all([
      to({ ...get, headers: { "last-event-id": "nonsense" } }),
      to({ ...get, headers: { accept: "text/html" } }),
      to({ session, message: ask("ping"), headers: { accept: "application/json" } }),
      to({ session, message: ask("ping"), headers: { "mcp-protocol-version": "2020-01-01" } }),
      to({ session, message: ask("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }) }),
    ]);
    expect(statuses.map(({ response }) => response.status)).toEqual([400, 406, 406, 400, 400]);
    // a stream that is over, or never was, has nothing to tell
    const empty = await to({ ...get, headers: { "last-event-id": "abc.7" } });
    expect(await empty.rest()).toEqual([]);
    await to({ session, method: "DELETE" });
  });
});
