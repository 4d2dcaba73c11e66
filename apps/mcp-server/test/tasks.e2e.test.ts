import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { batchFrame, type Client, hello, jsonFrame, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const unknownId = "01980000-0000-7000-8000-000000000000";

function open(name: string, maxConcurrency = 1): Promise<Client> {
  return registered({ port: node.port, key: mesh.key, name, maxConcurrency });
}

async function submit(client: Client, type: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const reply = await client.request("TASK_SUBMIT", { task: { type, ...more } });
  expect(reply).toMatchObject({ name: "TASK_STATUS", payload: { task: { type, state: "queued" } } });
  return reply.payload.task.id;
}

test("brings a task to an agent and its result back into the ledger", async () => {
  const agent = await open("worker");
  const taskId = await submit(agent, "worker", { input: { text: "hällo \u0000" } });
  const { payload: offer } = await agent.next("TASK_ASSIGN");
  expect(offer).toMatchObject({
    seq: 1,
    fence: 1,
    leaseMs: 30_000,
    acceptMs: 10_000,
    task: { id: taskId, attempt: 1, input: { text: "hällo \u0000" }, assignment: { id: offer.assignmentId } },
  });
  const about = { assignmentId: offer.assignmentId, fence: offer.fence };
  const accepted = await agent.request("TASK_ACCEPT", about);
  expect(accepted).toMatchObject({
    name: "TASK_RECORDED",
    payload: { assignmentId: offer.assignmentId, taskState: "running", duplicate: false },
  });
  expect(accepted.payload.leaseUntil).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  agent.send("TASK_PROGRESS", { ...about, percent: 50, note: "half" });
  expect(await agent.request("TASK_EXTEND", { ...about, leaseMs: 60_000 })).toMatchObject({ name: "TASK_RECORDED" });
  expect(await agent.request("TASK_COMPLETE", { ...about, output: { answer: 42 } })).toMatchObject({
    name: "TASK_RECORDED",
    payload: { taskState: "completed", duplicate: false },
  });
  expect(await agent.request("TASK_COMPLETE", { ...about, output: "again" })).toMatchObject({
    name: "TASK_RECORDED",
    payload: { taskState: "completed", duplicate: true },
  });
  const read = await agent.request("TASK_GET", { taskId });
  expect(read).toMatchObject({
    name: "TASK_STATUS",
    payload: { task: { id: taskId, state: "completed", output: { answer: 42 }, progress: { percent: 50 } } },
  });
  expect(agent.log.filter(({ name }) => name === "ERROR")).toEqual([]);
  await agent.close();
});

test("refuses words about assignments in the stated order", async () => {
  const agent = await open("strict");
  const other = await open("stranger");
  await submit(agent, "strict");
  const { payload: offer } = await agent.next("TASK_ASSIGN");
  const about = { assignmentId: offer.assignmentId, fence: offer.fence };
  const code = async (client: Client, name: "TASK_COMPLETE" | "TASK_ACCEPT" | "TASK_FAIL", payload: object) =>
    (await client.request(name, { output: 1, class: "permanent", message: "m", ...payload })).payload;
  expect(await code(agent, "TASK_ACCEPT", { assignmentId: unknownId, fence: 1 })).toMatchObject({ code: "not_found" });
  expect(await code(agent, "TASK_ACCEPT", { assignmentId: "no id", fence: 1 })).toMatchObject({ code: "not_found" });
  expect(await code(other, "TASK_ACCEPT", about)).toMatchObject({ code: "not_found" });
  expect(await code(agent, "TASK_COMPLETE", about)).toMatchObject({ code: "failed_precondition" });
  expect(await code(agent, "TASK_ACCEPT", { ...about, fence: 0 })).toMatchObject({
    code: "conflict",
    reason: "stale_assignment",
  });
  expect(await code(agent, "TASK_ACCEPT", about)).toMatchObject({ taskState: "running" });
  expect(await code(agent, "TASK_FAIL", about)).toMatchObject({ taskState: "failed" });
  expect(await code(agent, "TASK_COMPLETE", about)).toMatchObject({ code: "failed_precondition" });
  await agent.close();
  await other.close();
});

test("tells of a PROGRESS without id only what goes wrong, and about which assignment", async () => {
  const agent = await open("quiet");
  agent.send("TASK_PROGRESS", { assignmentId: unknownId, fence: 1, percent: 1 });
  const { payload } = await agent.next("ERROR");
  expect(payload).toMatchObject({ code: "not_found", details: { assignmentId: unknownId } });
  expect(payload).not.toHaveProperty("re");
  await agent.close();
});

test("lets words about one assignment take effect in order, in one message or many", async () => {
  const agent = await open("pipeline", 2);
  await submit(agent, "pipeline");
  await submit(agent, "pipeline");
  const offers = [await agent.next("TASK_ASSIGN"), await agent.next("TASK_ASSIGN")].map(({ payload }) => ({
    assignmentId: payload.assignmentId,
    fence: payload.fence,
  }));
  agent.sendBytes(
    batchFrame([
      ...offers.map((about, index) => jsonFrame("TASK_ACCEPT", { id: `accept${index}`, ...about })),
      jsonFrame("TASK_PROGRESS", { id: "progress", ...offers[0], percent: 1 }),
    ]),
  );
  agent.send("TASK_COMPLETE", { id: "complete", ...offers[0], output: null });
  agent.send("TASK_FAIL", { id: "fail", ...offers[0], class: "permanent", message: "too late" });
  expect((await agent.next(({ payload }) => payload.re === "fail")).payload).toMatchObject({
    code: "failed_precondition",
  });
  const replies = agent.log.filter(({ payload }) => payload.re !== undefined && !/^r\d/.test(payload.re));
  expect(replies.map(({ name, payload }) => `${payload.re} ${name}`).sort()).toEqual([
    "accept0 TASK_RECORDED",
    "accept1 TASK_RECORDED",
    "complete TASK_RECORDED",
    "fail ERROR",
    "progress TASK_RECORDED",
  ]);
  const together = replies.filter(({ payload }) => ["accept0", "accept1", "progress"].includes(payload.re));
  expect(new Set(together.map(({ message }) => message)).size).toBe(1);
  await agent.close();
});

test("says why a queued task has no agent", async () => {
  const agent = await open("explainer");
  const taskId = await submit(agent, "nobody.does.this");
  const { payload } = await agent.request("TASK_GET", { taskId });
  expect(payload.task).toMatchObject({ state: "queued", unassignedBecause: { reason: "capability" } });
  expect(await agent.request("TASK_GET", { taskId: unknownId })).toMatchObject({ payload: { code: "not_found" } });
  await agent.close();
});

test("submits once for one idempotency key, and not without the scope", async () => {
  const agent = await open("careful");
  const task = { type: "nobody.does.that", input: { b: 1, a: 2 } };
  const first = await agent.request("TASK_SUBMIT", { task, idempotencyKey: "k" });
  const again = await agent.request("TASK_SUBMIT", { task, idempotencyKey: "k" });
  expect(again.payload.task.id).toBe(first.payload.task.id);
  expect(await agent.request("TASK_SUBMIT", { task: { type: "other" }, idempotencyKey: "k" })).toMatchObject({
    payload: { code: "conflict", reason: "idempotency_key_reused" },
  });
  expect(await agent.request("TASK_SUBMIT", { task: { type: "" } })).toMatchObject({
    payload: { code: "invalid_argument" },
  });
  await agent.close();
  const { text } = await mesh.createKey({ scopes: ["agents:connect"] });
  const reader = await hello({ port: node.port, key: text, name: "reader" });
  expect(await reader.request("TASK_SUBMIT", { task })).toMatchObject({ payload: { code: "permission_denied" } });
  expect(await reader.request("TASK_GET", { taskId: unknownId })).toMatchObject({
    payload: { code: "permission_denied" },
  });
  await reader.close();
});

test("tells the agent when its task is cancelled", async () => {
  const agent = await open("cancelled");
  const taskId = await submit(agent, "cancelled");
  const { payload: offer } = await agent.next("TASK_ASSIGN");
  await agent.request("TASK_ACCEPT", { assignmentId: offer.assignmentId, fence: offer.fence });
  await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: taskId as never }, "cancelled");
  expect((await agent.next("TASK_CANCEL")).payload).toMatchObject({
    seq: offer.seq + 1,
    assignmentId: offer.assignmentId,
    fence: offer.fence,
  });
  await agent.close();
});

test("gives a rejected task to another agent at once", async () => {
  const first = await registered({ port: node.port, key: mesh.key, name: "first", capability: "shared" });
  await submit(first, "shared");
  const { payload: offer } = await first.next("TASK_ASSIGN");
  const second = await registered({ port: node.port, key: mesh.key, name: "second", capability: "shared" });
  await first.request("TASK_REJECT", { assignmentId: offer.assignmentId, fence: offer.fence, reason: "busy" });
  const { payload: next } = await second.next("TASK_ASSIGN");
  expect(next).toMatchObject({ fence: 2, task: { id: offer.task.id, attempt: 1 } });
  for (const client of [first, second]) await client.close();
});

test("gives the offers of an agent that drains to another", async () => {
  const draining = await registered({ port: node.port, key: mesh.key, name: "drainer", capability: "drained" });
  await submit(draining, "drained");
  const { payload: offer } = await draining.next("TASK_ASSIGN");
  const other = await registered({ port: node.port, key: mesh.key, name: "other", capability: "drained" });
  expect(await draining.request("AGENT_UPDATE", { availability: "draining" })).toMatchObject({
    name: "AGENT_REGISTERED",
    payload: { agent: { availability: "draining" } },
  });
  const { payload: next } = await other.next("TASK_ASSIGN");
  expect(next).toMatchObject({ fence: 2, task: { id: offer.task.id, attempt: 1 } });
  for (const client of [draining, other]) await client.close();
});

test("gives back what an agent holds when it deregisters", async () => {
  const leaving = await registered({ port: node.port, key: mesh.key, name: "quitter", capability: "handed.on" });
  await submit(leaving, "handed.on");
  const { payload: offer } = await leaving.next("TASK_ASSIGN");
  await leaving.request("TASK_ACCEPT", { assignmentId: offer.assignmentId, fence: offer.fence });
  const staying = await registered({ port: node.port, key: mesh.key, name: "stayer", capability: "handed.on" });
  await leaving.request("AGENT_DEREGISTER");
  expect((await staying.next("TASK_ASSIGN")).payload).toMatchObject({ task: { id: offer.task.id }, fence: 2 });
  await staying.close();
});

test("bounds the unanswered requests of one connection, and answers each exactly once", async () => {
  const agent = await open("flooder");
  const ids = Array.from({ length: 3_000 }, (_, index) => `g${index}`);
  agent.sendBytes(batchFrame(ids.map((id) => jsonFrame("TASK_GET", { id, taskId: unknownId }))));
  const isAnswer = ({ payload }: { payload: { re?: string } }) => payload.re?.startsWith("g") === true;
  await waitFor(() => agent.log.filter(isAnswer).length >= ids.length);
  const answers = agent.log.filter(isAnswer).map(({ payload }) => payload);
  expect(new Set(answers.map(({ re }) => re)).size).toBe(ids.length);
  expect(answers).toHaveLength(ids.length);
  expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(["not_found", "resource_exhausted"]));
  await agent.close();
});

test("fails a task for good that is larger than a message with what its dependencies resulted in", async () => {
  const agent = await open("giant", 20);
  const output = "x".repeat(1_000_000);
  const dependsOn: string[] = [];
  for (let i = 0; i < 11; i++) {
    dependsOn.push(await submit(agent, "giant"));
    const { payload: offer } = await agent.next("TASK_ASSIGN");
    const about = { assignmentId: offer.assignmentId, fence: offer.fence };
    await agent.request("TASK_ACCEPT", about);
    await agent.request("TASK_COMPLETE", { ...about, output });
  }
  const taskId = await submit(agent, "giant", { dependsOn });
  const read = await waitFor(async () => {
    const { payload } = await agent.request("TASK_GET", { taskId });
    return payload.task.state === "failed" && payload.task;
  });
  expect(read.error).toMatchObject({ class: "permanent", message: expect.stringContaining("10485760") });
  expect(agent.log.filter(({ name }) => name === "ERROR")).toEqual([]);
  await agent.close();
});
