import type { TaskId } from "@devmesh/models";
import { sql } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, hello, type Payload, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const unknownId = "01980000-0000-7000-8000-000000000000";

interface Held {
  readonly taskId: string;
  readonly about: { readonly assignmentId: string; readonly fence: number };
}

function open(name: string, maxConcurrency = 1): Promise<Client> {
  return registered({ port: node.port, key: mesh.key, name, maxConcurrency });
}

async function submit(client: Client, task: object, more: object = {}): Promise<Payload> {
  return (await client.request("TASK_SUBMIT", { task, ...more })).payload;
}

async function accept(client: Client): Promise<Held> {
  const { payload } = await client.next("TASK_ASSIGN");
  const about = { assignmentId: payload.assignmentId, fence: payload.fence };
  expect((await client.request("TASK_ACCEPT", about)).name).toBe("TASK_RECORDED");
  return { taskId: payload.task.id, about };
}

async function hold(client: Client, type: string): Promise<Held> {
  await submit(client, { type });
  return accept(client);
}

test("lets a parent go on when its three children are final, its slot another's meanwhile", async () => {
  const lead = await open("lead");
  const workers = await Promise.all(["w1", "w2", "w3"].map((name) => open(name)));
  const parent = await hold(lead, "lead");
  const by = { parentAssignmentId: parent.about.assignmentId, yieldSlot: true };
  const children = await Promise.all(["w1", "w2", "w3"].map((type) => submit(lead, { type, ref: type }, by)));
  expect(children).toMatchObject(["w1", "w2", "w3"].map((type) => ({ task: { type, parentId: parent.taskId } })));
  // the parent still runs, and its only slot is free
  const other = await hold(lead, "lead");
  expect((await lead.request("TASK_GET", { taskId: parent.taskId })).payload.task.state).toBe("running");
  const progress = await lead.request("TASK_PROGRESS", { ...parent.about, percent: 50 });
  expect(progress).toMatchObject({ name: "TASK_RECORDED", payload: { taskState: "running" } });
  expect(progress.payload).not.toHaveProperty("leaseUntil");
  for (const [index, worker] of workers.entries()) {
    const { about } = await accept(worker);
    if (index === 1) await worker.request("TASK_FAIL", { ...about, class: "permanent", message: "no" });
    else await worker.request("TASK_COMPLETE", { ...about, output: { index } });
  }
  expect(lead.log.some(({ name }) => name === "MESSAGE")).toBe(false);
  await lead.request("TASK_COMPLETE", { ...other.about, output: null });
  const { payload: message } = await lead.next("MESSAGE");
  expect(message).toMatchObject({
    seq: 3,
    from: { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" },
    kind: "task.children",
    correlationId: parent.about.assignmentId,
    content: {
      taskId: parent.taskId,
      assignmentId: parent.about.assignmentId,
      children: [
        { taskId: children[0].task.id, ref: "w1", type: "w1", state: "completed", output: { index: 0 } },
        { taskId: children[1].task.id, ref: "w2", state: "failed", error: { class: "permanent", message: "no" } },
        { taskId: children[2].task.id, ref: "w3", state: "completed", output: { index: 2 } },
      ],
    },
  });
  const done = await lead.request("TASK_COMPLETE", { ...parent.about, output: "all" });
  expect(done.payload).toMatchObject({ taskState: "completed", duplicate: false });
  await Promise.all([lead, ...workers].map((client) => client.close()));
});

test("keeps a yielded assignment over a reconnect, and sends the message again until it is acknowledged", async () => {
  const lead = await open("traveller");
  const parent = await hold(lead, "traveller");
  const { task: child } = await submit(
    lead,
    { type: "nobody" },
    { parentAssignmentId: parent.about.assignmentId, yieldSlot: true },
  );
  await lead.close();
  await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: child.id }, "test");
  const again = await hello({
    port: node.port,
    key: mesh.key,
    name: "traveller",
    hello: { holding: [parent.about.assignmentId], lastSeq: 1 },
  });
  expect(again.log[0]).toMatchObject({ name: "WELCOME", payload: { keep: [parent.about.assignmentId], drop: [] } });
  const { payload: message } = await again.next("MESSAGE");
  expect(message.content.children).toMatchObject([{ taskId: child.id, state: "cancelled" }]);
  await again.close();
  const third = await hello({ port: node.port, key: mesh.key, name: "traveller", hello: { lastSeq: 1 } });
  expect((await third.next("MESSAGE")).payload).toEqual(message);
  expect((await third.request("TASK_COMPLETE", { ...parent.about, output: 1 })).name).toBe("TASK_RECORDED");
  await third.close();
});

test("refuses a delegation as it does a frame about the assignment", async () => {
  const agent = await open("strict");
  const stranger = await open("stranger");
  await submit(agent, { type: "strict" });
  const { payload: offer } = await agent.next("TASK_ASSIGN");
  const about = { assignmentId: offer.assignmentId, fence: offer.fence };
  const by = { parentAssignmentId: offer.assignmentId };
  const task = { type: "nobody" };
  expect(await submit(agent, task, { parentAssignmentId: unknownId })).toMatchObject({ code: "not_found" });
  expect(await submit(agent, task, { parentAssignmentId: "no id" })).toMatchObject({ code: "not_found" });
  expect(await submit(stranger, task, by)).toMatchObject({ code: "not_found" });
  expect(await submit(agent, task, by)).toMatchObject({ code: "failed_precondition" });
  expect(await submit(agent, task, { yieldSlot: true })).toMatchObject({
    code: "invalid_argument",
    details: [{ path: "yieldSlot" }],
  });
  expect(await submit(agent, task, { ...by, yieldSlot: "yes" })).toMatchObject({ code: "invalid_argument" });
  await agent.request("TASK_ACCEPT", about);
  const given = await submit(agent, { ...task, labels: ["own"] }, by);
  expect(given).toMatchObject({ task: { parentId: offer.task.id, labels: ["own"] } });
  const labels = Array.from({ length: 21 }, (_, index) => `l${index}`);
  expect(await submit(agent, { ...task, labels }, by)).toMatchObject({ code: "invalid_argument" });
  const greeted = await hello({ port: node.port, key: mesh.key, name: "unregistered" });
  expect(await submit(greeted, task, by)).toMatchObject({ code: "failed_precondition" });
  await agent.request("TASK_COMPLETE", { ...about, output: 1 });
  expect(await submit(agent, task, by)).toMatchObject({ code: "failed_precondition" });
  await Promise.all([agent, stranger, greeted].map((client) => client.close()));
});

test("ignores what is no trace context: a child has its parent's then, and text that can't be stored does no harm", async () => {
  const [lead, worker] = [await open("traced"), await open("traced-child")];
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  await submit(lead, { type: "traced" }, { traceparent });
  const parent = await accept(lead);
  for (const wrong of ["garbage", "\u0000"]) {
    const more = { traceparent: wrong, parentAssignmentId: parent.about.assignmentId };
    expect(await submit(lead, { type: "traced-child" }, more)).toMatchObject({ task: { parentId: parent.taskId } });
    const { payload } = await worker.next("TASK_ASSIGN");
    expect(payload.traceparent).toBe(traceparent);
    await worker.request("TASK_REJECT", { assignmentId: payload.assignmentId, fence: payload.fence, reason: "seen" });
  }
  await Promise.all([lead.close(), worker.close()]);
});

test("refuses the ninth level", async () => {
  const agent = await open("digger", 20);
  let held = await hold(agent, "digger");
  for (let depth = 1; depth <= 8; depth++) {
    await submit(agent, { type: "digger" }, { parentAssignmentId: held.about.assignmentId });
    held = await accept(agent);
  }
  expect(await submit(agent, { type: "digger" }, { parentAssignmentId: held.about.assignmentId })).toMatchObject({
    code: "failed_precondition",
    reason: "depth_limit",
    message: expect.stringContaining("9 deep, the limit is 8"),
  });
  await agent.close();
});

test("a cancel reaches agents below; what a deaf one says afterwards changes nothing", async () => {
  const lead = await open("boss");
  const deaf = await open("deaf", 2);
  const parent = await hold(lead, "boss");
  await submit(lead, { type: "deaf" }, { parentAssignmentId: parent.about.assignmentId, yieldSlot: true });
  const child = await accept(deaf);
  await submit(deaf, { type: "deaf" }, { parentAssignmentId: child.about.assignmentId });
  const leaf = await accept(deaf);
  await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: parent.taskId as TaskId }, "asked");
  expect((await lead.next("TASK_CANCEL")).payload).toMatchObject({ ...parent.about, reason: "asked" });
  for (const { about } of [child, leaf]) {
    const cancelled = await deaf.next(
      ({ name, payload }) => name === "TASK_CANCEL" && payload.assignmentId === about.assignmentId,
    );
    expect(cancelled.payload).toMatchObject({ ...about, reason: "parent_cancelled" });
  }
  const before = await history([parent.taskId, child.taskId, leaf.taskId]);
  expect(before.filter(({ type }) => type === "task.cancelled")).toHaveLength(3);
  const words = [
    ["TASK_PROGRESS", { percent: 99 }],
    ["TASK_EXTEND", { leaseMs: 60_000 }],
    ["TASK_COMPLETE", { output: "late" }],
    ["TASK_FAIL", { class: "retryable", message: "late" }],
  ] as const;
  for (const [name, more] of words) {
    expect((await deaf.request(name, { ...leaf.about, ...more })).payload, name).toMatchObject({
      code: "conflict",
      reason: "stale_assignment",
    });
  }
  expect(await submit(deaf, { type: "deaf" }, { parentAssignmentId: leaf.about.assignmentId })).toMatchObject({
    code: "conflict",
    reason: "stale_assignment",
  });
  expect(await history([parent.taskId, child.taskId, leaf.taskId])).toEqual(before);
  await Promise.all([lead, deaf].map((client) => client.close()));
});

async function history(taskIds: readonly string[]): Promise<readonly { readonly type: string }[]> {
  const { rows } = await mesh.database.transaction({ role: "devmesh_engine" }, (tx) =>
    tx.query<{ type: string }>(sql`
      select e.task_id, e.seq, e.type, t.state, t.updated_at
      from task_event e join task t on t.id = e.task_id
      where e.task_id = any (${taskIds}::uuid[]) order by e.task_id, e.seq`),
  );
  return rows;
}

test("frees all slots when a yielded parent's agent is deregistered", async () => {
  const lead = await open("leaver");
  const parent = await hold(lead, "leaver");
  const { task: child } = await submit(
    lead,
    { type: "nobody" },
    { parentAssignmentId: parent.about.assignmentId, yieldSlot: true },
  );
  await lead.request("AGENT_DEREGISTER", {});
  const reader = await open("reader");
  const stateOf = async (taskId: string): Promise<string> =>
    (await reader.request("TASK_GET", { taskId })).payload.task.state;
  await waitFor(async () => (await stateOf(parent.taskId)) === "queued");
  // what was delegated goes on, and stays the task's
  expect(await stateOf(child.id)).toBe("queued");
  await reader.close();
});
