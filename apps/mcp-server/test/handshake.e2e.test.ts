import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { connect, connectRefused, hello, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

test("selects the subprotocol, and answers HELLO with WELCOME and AGENT_REGISTER with the agent", async () => {
  const client = await connect({ port: node.port, key: mesh.key });
  expect(client.protocol).toBe("devmesh.v1");
  const welcome = await client.request("HELLO", { agentName: "newcomer", holding: ["nothing"] });
  expect(welcome).toMatchObject({
    name: "WELCOME",
    payload: {
      heartbeatMs: 15_000,
      limits: { maxPayloadBytes: 10_485_760, maxInFlight: 1_000 },
      keep: [],
      recorded: [],
      drop: ["nothing"],
    },
  });
  const reply = await client.request("AGENT_REGISTER", {
    name: "newcomer",
    capabilities: [{ name: "code.review", level: 2 }],
    maxConcurrency: 3,
  });
  expect(reply).toMatchObject({
    name: "AGENT_REGISTERED",
    payload: { agent: { name: "newcomer", maxConcurrency: 3, connection: "connected", health: "healthy" } },
  });
  await client.close();
});

test.each([
  ["without a credential", {}, 401, "unauthenticated"],
  ["with a credential that is none", { key: "dm_agt_nothing" }, 401, "unauthenticated"],
  ["with a key that nobody made", { key: "dm_agt_000000000000000000000000000000000000" }, 401, "unauthenticated"],
])("refuses an upgrade %s", async (_what, options, status, code) => {
  const refused = await connectRefused({ port: node.port, ...options });
  expect(refused).toMatchObject({ status, body: { error: { code, requestId: expect.any(String) } } });
  expect(refused.contentType).toContain("application/json");
});

test("refuses an upgrade without the subprotocol, without the scope, and to another path", async () => {
  const { port } = node;
  const reader = await mesh.createKey({ scopes: ["tasks:read"] });
  expect(await connectRefused({ port, key: mesh.key, protocols: [] })).toMatchObject({
    status: 400,
    body: { error: { code: "invalid_argument" } },
  });
  expect(await connectRefused({ port, key: mesh.key, protocols: ["other"] })).toMatchObject({ status: 400 });
  expect(await connectRefused({ port, key: reader.text })).toMatchObject({
    status: 403,
    body: { error: { code: "permission_denied" } },
  });
  expect(await connectRefused({ port, key: mesh.key, path: "/elsewhere" })).toMatchObject({
    status: 404,
    body: { error: { code: "not_found" } },
  });
});

test("refuses an upgrade over the connection limit of the tenant, and lets the next in when one has gone", async () => {
  const small = await mesh.startNode({ connections: { max: 10, maxPerTenant: 1, upgradesPerSecond: 200 } });
  const first = await connect({ port: small.port, key: mesh.key });
  expect(await connectRefused({ port: small.port, key: mesh.key })).toMatchObject({
    status: 429,
    body: { error: { code: "resource_exhausted", reason: "connection_limit" } },
  });
  await first.close();
  await (await connect({ port: small.port, key: mesh.key })).close();
});

test("answers what is no upgrade, health and the rest, over the same port", async () => {
  const url = `http://127.0.0.1:${node.port}`;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({
    data: { checks: { database: { status: "up" }, fan_out: { status: "up" } } },
  });
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  expect((await fetch(`${url}/ws`)).status).toBe(400);
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
  const { text } = await mesh.createKey({ scopes: ["metrics:read"] });
  const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${text}` } });
  expect(await metrics.text()).toContain("devmesh_connections");
});

test("lets a frame other than HELLO wait for WELCOME, and HELLO be said once", async () => {
  const client = await connect({ port: node.port, key: mesh.key });
  expect(await client.request("TASK_GET", { taskId: "x" })).toMatchObject({
    name: "ERROR",
    payload: { code: "failed_precondition" },
  });
  expect(await client.request("AGENT_REGISTER", { nonsense: true })).toMatchObject({
    payload: { code: "failed_precondition" },
  });
  expect(await client.request("HELLO", { agentName: "once" })).toMatchObject({ name: "WELCOME" });
  expect(await client.request("HELLO", { agentName: "once" })).toMatchObject({
    name: "ERROR",
    payload: { code: "failed_precondition" },
  });
  expect(await client.request("AGENT_UPDATE", { maxConcurrency: 2 })).toMatchObject({
    payload: { code: "failed_precondition" },
  });
  expect(await client.request("AGENT_REGISTER", { name: "other", capabilities: [], maxConcurrency: 1 })).toMatchObject({
    payload: { code: "invalid_argument", details: [{ path: "name" }] },
  });
  await client.close();
});

test("lets a key that is bound to one agent be no other", async () => {
  const bound = await mesh.createKey({ agentName: "bound" });
  const client = await connect({ port: node.port, key: bound.text });
  expect(await client.request("HELLO", { agentName: "other" })).toMatchObject({
    payload: { code: "permission_denied" },
  });
  expect(await client.request("HELLO", { agentName: "bound" })).toMatchObject({ name: "WELCOME" });
  await client.close();
});

test("lets nobody be the mesh's own agent, or give it work", async () => {
  const client = await connect({ port: node.port, key: mesh.key });
  expect(await client.request("HELLO", { agentName: "devmesh.tools" })).toMatchObject({
    payload: { code: "permission_denied" },
  });
  await client.close();
  const agent = await registered({ port: node.port, key: mesh.key, name: "submitter" });
  for (const task of [{ type: "mcp.tool" }, { type: "x", requirements: { capabilities: ["mcp.tool"] } }]) {
    expect(await agent.request("TASK_SUBMIT", { task })).toMatchObject({ payload: { code: "invalid_argument" } });
  }
  await agent.close();
});

test("replaces an older connection of the same agent, registered or not", async () => {
  for (const open of [registered, hello]) {
    const name = `twice-${open.name}`;
    const older = await open({ port: node.port, key: mesh.key, name });
    const newer = await hello({ port: node.port, key: mesh.key, name });
    expect(await older.next("GOODBYE")).toMatchObject({ payload: { reason: "replaced" } });
    expect((await older.closed).code).toBe(4409);
    expect(await newer.request("PING", { at: "2026-01-01T00:00:00.000Z" })).toMatchObject({ name: "PONG" });
    await newer.close();
  }
});

test("refuses a lastSeq that was never given out, and lets the client try again", async () => {
  const client = await registered({ port: node.port, key: mesh.key, name: "ahead" });
  await client.close();
  const again = await connect({ port: node.port, key: mesh.key });
  for (const agentName of ["ahead", "nobody-yet"]) {
    expect(await again.request("HELLO", { agentName, lastSeq: 7 })).toMatchObject({
      name: "ERROR",
      payload: { code: "invalid_argument", details: [{ path: "lastSeq" }] },
    });
  }
  expect(await again.request("HELLO", { agentName: "ahead", lastSeq: 0 })).toMatchObject({ name: "WELCOME" });
  await again.close();
});

test("closes with 1000 when the agent deregisters or says goodbye, and knows it no more afterwards", async () => {
  const leaving = await registered({ port: node.port, key: mesh.key, name: "leaving" });
  const reply = await leaving.request("AGENT_DEREGISTER");
  expect(reply).toMatchObject({ name: "GOODBYE" });
  expect((await leaving.closed).code).toBe(1000);
  const back = await hello({ port: node.port, key: mesh.key, name: "leaving" });
  expect(await back.request("AGENT_UPDATE", { maxConcurrency: 2 })).toMatchObject({
    payload: { code: "failed_precondition" },
  });
  back.send("GOODBYE", { reason: "done" });
  expect((await back.closed).code).toBe(1000);
});

test("pages through the agents that have a capability", async () => {
  const clients = [];
  for (const name of ["page-1", "page-2", "page-3"]) {
    clients.push(await registered({ port: node.port, key: mesh.key, name, capability: "paging" }));
  }
  const [asker] = clients;
  const first = await asker?.request("AGENT_DISCOVER", { capabilities: ["paging"], limit: 2 });
  const cursor = first?.payload.nextCursor;
  const second = await asker?.request("AGENT_DISCOVER", { capabilities: ["paging"], limit: 2, cursor });
  const names = [first, second].flatMap((page) => page?.payload.agents.map(({ name }: { name: string }) => name));
  expect(names).toEqual(["page-3", "page-2", "page-1"]);
  expect(second?.payload.nextCursor).toBeUndefined();
  expect(await asker?.request("AGENT_DISCOVER", { cursor: "nonsense" })).toMatchObject({
    payload: { code: "invalid_argument", details: [{ path: "cursor" }] },
  });
  for (const client of clients) await client.close();
});

test("refuses to start on a port that is taken, and leaves nothing open", async () => {
  await expect(mesh.startNode({ http: { host: "127.0.0.1", port: node.port } })).rejects.toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("DEVMESH_MCP_PORT"),
  });
});
