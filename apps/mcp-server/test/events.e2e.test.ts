import type { TenantId } from "@devmesh/models";
import { eventRepository, outboxRepository } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, type Payload, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let a: Node;
let b: Node;
let key: string;

beforeAll(async () => {
  mesh = await openMesh();
  [a, b] = [await mesh.startNode(), await mesh.startNode()];
  key = (await mesh.createKey({ scopes: ["agents:connect", "events:read", "tasks:write"] })).text;
});
afterAll(() => mesh[Symbol.asyncDispose]());

const onA = (name: string): Promise<Client> => registered({ port: a.port, key, name });
const onB = (name: string): Promise<Client> => registered({ port: b.port, key, name });

/** What the worker does: durable subscribers get their copies, and nodes are told what can be read. */
async function relay(): Promise<void> {
  const tenantIds = new Set<TenantId>();
  await waitFor(async () => {
    const round = await outboxRepository(mesh.database).relay(1_000);
    for (const tenantId of round.tenantIds) tenantIds.add(tenantId);
    return !round.more && !round.isWaiting;
  });
  for (;;) {
    const done = await eventRepository(mesh.database).fanOut(100);
    if (done === undefined) break;
    mesh.hints.engineHints.assigned(done.receivers);
  }
  mesh.hints.eventsReadable([...tenantIds]);
}

async function submit(client: Client): Promise<string> {
  const { payload } = await client.request("TASK_SUBMIT", { task: { type: "nobody-can" } });
  return payload.task.id;
}

function nextEvent(client: Client, subject: string): Promise<Payload> {
  return client
    .next(({ name, payload }) => name === "EVENT" && payload.event.subject === subject, `an event of ${subject}`)
    .then(({ payload }) => payload);
}

function eventsOf(client: Client): readonly Payload[] {
  return client.log.filter(({ name }) => name === "EVENT").map(({ payload }) => payload);
}

test("sends events to plain subscribers on every node, without a seq, and only what is new", async () => {
  const [submitter, one, two] = [await onA("submitter"), await onA("watch-1"), await onB("watch-2")];
  const before = await submit(submitter);
  await relay();
  await one.request("SUBSCRIBE", { topics: ["task.created", "task.*", ">"] });
  await two.request("SUBSCRIBE", { topics: ["*.created"] });
  const taskId = await submit(submitter);
  await relay();
  for (const watcher of [one, two]) {
    expect(await nextEvent(watcher, taskId)).toEqual({
      topic: "task.created",
      event: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        type: "task.created",
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        subject: taskId,
        data: expect.any(Object),
      },
    });
  }
  expect((await nextEvent(one, taskId)).topic).toBe("task.queued");
  const last = await submit(submitter);
  await relay();
  await nextEvent(one, last);
  await nextEvent(two, last);
  expect(eventsOf(two).map(({ event }) => event.subject)).toEqual([taskId, last]);
  expect(eventsOf(one).map(({ event }) => event.subject)).not.toContain(before);
  const ids = eventsOf(one).map(({ event }) => event.id);
  expect(new Set(ids).size).toBe(ids.length);
  await two.request("UNSUBSCRIBE", { topics: ["*.created"] });
  const unheard = await submit(submitter);
  await relay();
  await nextEvent(one, unheard);
  expect(eventsOf(two)).toHaveLength(2);
  for (const client of [submitter, one, two]) await client.close();
});

test("brings a durable subscriber every event once, with a seq, and not again for a plain topic of its own", async () => {
  const submitter = await onA("submitter-2");
  const watcher = await onB("keeper");
  await watcher.request("SUBSCRIBE", { topics: ["task.created"], durable: true });
  await watcher.request("SUBSCRIBE", { topics: ["task.*"] });
  const first = await submit(submitter);
  await relay();
  // the two ways are independent of each other
  const both = [await nextEvent(watcher, first), await nextEvent(watcher, first)];
  expect(both.map(({ seq, topic }) => [topic, seq]).sort()).toEqual([
    ["task.created", 1],
    ["task.queued", undefined],
  ]);
  await watcher.close();
  const missed = [await submit(submitter), await submit(submitter)];
  await relay();
  await relay();
  const again = await onA("keeper");
  await nextEvent(again, missed[1] ?? "");
  expect(eventsOf(again).map(({ seq, topic, event }) => [seq, topic, event.subject])).toEqual([
    [1, "task.created", first],
    [2, "task.created", missed[0]],
    [3, "task.created", missed[1]],
  ]);
  for (const client of [submitter, again]) await client.close();
});

test("tells of agents as they come, change and go", async () => {
  const watcher = await onA("registrar");
  await watcher.request("SUBSCRIBE", { topics: ["agent.*"] });
  const agent = await onB("newcomer");
  await agent.request("AGENT_UPDATE", { availability: "busy" });
  await agent.request("AGENT_UPDATE", { load: { cpu: 0.5 } });
  const { payload } = await agent.request("AGENT_UPDATE", { maxConcurrency: 3 });
  await agent.request("AGENT_DEREGISTER");
  await agent.closed;
  const { id } = payload.agent;
  // its node writes down that it has gone once the client has seen it
  await waitFor(async () => {
    await relay();
    return eventsOf(watcher).some(({ event }) => event.subject === id && event.type === "agent.disconnected");
  });
  const told = eventsOf(watcher).filter(({ event }) => event.subject === id);
  expect(told.map(({ event }) => event.type)).toEqual([
    "agent.registered",
    "agent.connected",
    "agent.updated",
    "agent.updated",
    "agent.deregistered",
    "agent.disconnected",
  ]);
  expect(told[0].event.data).toMatchObject({ name: "newcomer" });
  await watcher.close();
});

test("changes subscriptions in the order in which it was asked to, also without waiting for the answers", async () => {
  const client = await onA("hasty");
  const topics = ["task.created"];
  for (let index = 0; index < 30; index++) {
    client.send(index % 2 === 0 ? "SUBSCRIBE" : "UNSUBSCRIBE", { id: `s${index}`, topics });
  }
  const replies: Payload[] = [];
  while (replies.length < 30) replies.push((await client.next("SUBSCRIBED")).payload);
  expect(replies).toEqual(replies.map((_, index) => ({ re: `s${index}`, topics: index % 2 === 0 ? topics : [] })));
});
