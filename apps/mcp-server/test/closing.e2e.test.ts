import { agentRepository, sql } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { type Mesh, openMesh } from "./_mesh.ts";
import { batchFrame, type Client, connect, connectRefused, hello, jsonFrame, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;

beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

function findAgent(name: string): Promise<Awaited<ReturnType<ReturnType<typeof agentRepository>["find"]>>> {
  return agentRepository(mesh.database).find(mesh.tenantId, name);
}

test("closes a client that says no HELLO in time with 1008", async () => {
  const node = await mesh.startNode({ intervals: { ...intervals, helloMs: 50 } });
  const client = await connect({ port: node.port, key: mesh.key });
  expect((await client.closed).code).toBe(1008);
});

test("closes a silent client with 4408 after three PINGs, and one that answers never", async () => {
  const node = await mesh.startNode({ heartbeatMs: 500 });
  const silent = await registered({ port: node.port, key: mesh.key, name: "silent" });
  const alive = await registered({ port: node.port, key: mesh.key, name: "alive" });
  alive.socket.on("message", () => alive.sendBytes(jsonFrame("PONG", { at: "2026-01-01T00:00:00.000Z" })));
  expect((await silent.closed).code).toBe(4408);
  expect(silent.log.filter(({ name }) => name === "PING")).toHaveLength(3);
  await waitFor(async () => (await findAgent("silent"))?.health === "unreachable");
  expect(await findAgent("alive")).toMatchObject({ connection: "connected", health: "healthy" });
  await alive.close();
});

test("closes a client whose key was revoked with 4401", async () => {
  const node = await mesh.startNode({ intervals: { ...intervals, credentialCheckMs: 50 } });
  const key = await mesh.createKey();
  const revoked = await hello({ port: node.port, key: key.text, name: "revoked-key" });
  const other = await hello({ port: node.port, key: mesh.key, name: "other-key" });
  await mesh.revokeKey(key.id);
  expect((await revoked.closed).code).toBe(4401);
  expect(await other.request("TASK_GET", { taskId: "none" })).toMatchObject({ payload: { code: "not_found" } });
  await other.close();
});

test("closes a revoked agent with 4403, and lets it in no more", async () => {
  const node = await mesh.startNode();
  const client = await connect({ port: node.port, key: mesh.key });
  const { payload: welcome } = await client.request("HELLO", { agentName: "outlaw" });
  const registration = { name: "outlaw", capabilities: [], maxConcurrency: 1 };
  const { payload } = await client.request("AGENT_REGISTER", registration);
  await agentRepository(mesh.database).setAdmin(mesh.tenantId, payload.agent.id, "revoked");
  mesh.hints.closeConnection(welcome.nodeId, welcome.connectionId, 4403, "revoked");
  expect(await client.next("ERROR")).toMatchObject({ payload: { code: "permission_denied" } });
  expect((await client.closed).code).toBe(4403);
  const again = await connect({ port: node.port, key: mesh.key });
  expect(await again.request("HELLO", { agentName: "outlaw" })).toMatchObject({
    name: "ERROR",
    payload: { code: "permission_denied" },
  });
  expect((await again.closed).code).toBe(4403);
});

test("drains with GOODBYE and 1012 after the replies that are due, and refuses upgrades meanwhile", async () => {
  const node = await mesh.startNode();
  const agent = await registered({ port: node.port, key: mesh.key, name: "drained" });
  const idle = await connect({ port: node.port, key: mesh.key });
  const ids = Array.from({ length: 200 }, (_, index) => `last${index}`);
  agent.sendBytes(batchFrame(ids.map((id) => jsonFrame("TASK_GET", { id, taskId: crypto.randomUUID() }))));
  await agent.next(({ payload }) => payload.re?.startsWith("last") === true);
  // a client that does not finish the closing handshake keeps the node waiting
  idle.socket.pause();
  const stopped = node.stop();
  expect(await connectRefused({ port: node.port, key: mesh.key })).toMatchObject({
    status: 503,
    body: { error: { code: "unavailable", reason: "draining" } },
  });
  idle.socket.resume();
  await stopped;
  expect(agent.log.filter(({ payload }) => ids.includes(payload.re))).toHaveLength(ids.length);
  expect((await agent.next("GOODBYE")).payload).toMatchObject({
    reason: "draining",
    resumeAfterMs: expect.any(Number),
  });
  expect([(await agent.closed).code, (await idle.closed).code]).toEqual([1012, 1012]);
  await expect(connectRefused({ port: node.port, key: mesh.key }))
    .rejects.toThrow()
    .catch(() => undefined);
  expect(await findAgent("drained")).toMatchObject({ connection: "disconnected" });
});

/** Makes replies of some 100 KB that don't compress, and reads none of them. */
async function askMuch(client: Client, times: number): Promise<void> {
  for (let i = 0; i < times; i++) client.send("AGENT_DISCOVER", { id: client.newId(), capabilities: ["bulky"] });
  await waitFor(() => client.socket.bufferedAmount === 0);
}

async function makeBulky(port: number): Promise<void> {
  const client = await hello({ port, key: mesh.key, name: "bulky" });
  const noise = Array.from({ length: 4_000 }, () => Math.random().toString(36)).join("");
  await client.request("AGENT_REGISTER", {
    name: "bulky",
    capabilities: [{ name: "bulky" }],
    maxConcurrency: 1,
    metadata: { noise: noise.slice(0, 60_000) },
  });
  await client.close();
}

async function isSlow(name: string): Promise<boolean> {
  const { rows } = await mesh.database.query<{ slow: boolean }>(sql`
    select s.slow from agent_slot s join agent a on a.id = s.agent_id where a.name = ${name}`);
  return rows[0]?.slow === true;
}

test("assigns nothing more to a client that reads too slowly, until it has caught up", async () => {
  const node = await mesh.startNode();
  await makeBulky(node.port);
  const slow = await registered({ port: node.port, key: mesh.key, name: "slow" });
  const other = await hello({ port: node.port, key: mesh.key, name: "submitter" });
  slow.socket.pause();
  await waitFor(async () => {
    await askMuch(slow, 20);
    return isSlow("slow");
  });
  const { payload } = await other.request("TASK_SUBMIT", { task: { type: "slow" } });
  const { payload: read } = await other.request("TASK_GET", { taskId: payload.task.id });
  expect(read.task).toMatchObject({ state: "queued", unassignedBecause: { reason: "busy" } });
  slow.socket.resume();
  expect((await slow.next("TASK_ASSIGN")).payload.task.id).toBe(payload.task.id);
  expect(await isSlow("slow")).toBe(false);
  await slow.close();
  await other.close();
});

test("closes a client that leaves more than 16 MiB unread with 1013", async () => {
  const node = await mesh.startNode();
  await makeBulky(node.port);
  const stuck = await registered({ port: node.port, key: mesh.key, name: "stuck" });
  stuck.socket.pause();
  await waitFor(async () => {
    await askMuch(stuck, 40);
    return (await findAgent("stuck"))?.connection === "disconnected";
  });
  stuck.socket.resume();
  expect((await stuck.closed).code).toBe(1013);
});
