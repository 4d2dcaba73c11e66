import { randomUUID } from "node:crypto";
import type {
  AgentId,
  AssignmentId,
  CollectionId,
  ConnectionId,
  KnowledgeId,
  LaneId,
  LimitId,
  NodeId,
  Task,
  TaskId,
  TenantId,
} from "@devmesh/models";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FanOut } from "../redis/fan-out.ts";
import { memoryFanOut } from "../redis/memory-fan-out.ts";
import { joinItems } from "./gather-messages.ts";
import { createHints, type Hints, type McpChange, type NodeHint, type TaskHint } from "./hints.ts";

const uuid = <Id extends string>(): Id => randomUUID() as string as Id;
const tenantId = uuid<TenantId>();
const nodeId = uuid<NodeId>();

let fanOut: FanOut & { readonly sent: (readonly [string, string])[] };
let hints: Hints;
beforeEach(() => {
  const memory = memoryFanOut();
  const sent: (readonly [string, string])[] = [];
  fanOut = {
    ...memory,
    sent,
    isReady: true,
    publish: (channel, message) => {
      sent.push([channel, message]);
      return memory.publish(channel, message);
    },
  };
  hints = createHints(fanOut);
});
afterEach(() => hints[Symbol.asyncDispose]());

/** Gathering takes one turn, the fan-out in memory another. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("hints of one turn go to each node as one message, equal ones once", async () => {
  const heard: NodeHint[] = [];
  await hints.onNode(nodeId, (hint) => heard.push(hint));
  const slots = [1, 2].map(() => ({ tenantId, agentId: uuid<AgentId>(), nodeId }));
  hints.engineHints.assigned(slots);
  hints.engineHints.assigned([...slots, { tenantId, agentId: uuid<AgentId>(), nodeId: undefined }]);
  hints.engineHints.assigned([{ tenantId, agentId: uuid<AgentId>(), nodeId: uuid<NodeId>() }]);
  const connectionId = uuid<ConnectionId>();
  hints.closeConnection(nodeId, connectionId, 4403, "revoked");
  await turns();
  expect(heard).toEqual([
    { deliver: slots.map(({ agentId }) => ({ tenantId, agentId })) },
    { close: { connectionId, code: 4403, reason: "revoked" } },
  ]);
  expect(fanOut.sent.map(([channel]) => channel).filter((channel) => channel.endsWith(nodeId))).toHaveLength(1);
});

const offered = {
  assignmentId: uuid<AssignmentId>(),
  seq: 7,
  offer: { fence: 2, leaseMs: 30, acceptMs: 10, task: { id: uuid<TaskId>() } as Task, traceparent: "00-a" },
};

test("an offer goes along as it is, but for its age, unless it is larger than a message", async () => {
  const heard: NodeHint[] = [];
  await hints.onNode(nodeId, (hint) => heard.push(hint));
  const agent = { tenantId, agentId: uuid<AgentId>() };
  const input: unknown = JSON.parse('{"__proto__": {"a": 1}, "text": "\\u0000\\ud800", "n": 9007199254740991}');
  const offer = { ...offered.offer, task: { ...offered.offer.task, input } };
  hints.engineHints.assigned([{ ...agent, nodeId, ...offered, offer: { ...offer, ageMs: 3 } }]);
  const large = { ...offer, task: { ...offer.task, input: "x".repeat(6_000) } };
  hints.engineHints.assigned([{ ...agent, nodeId, ...offered, offer: large }]);
  await turns();
  expect(heard).toEqual([{ deliver: [{ ...agent, ...offered, offer }, agent] }]);
  expect(JSON.stringify(heard)).toContain('"input":{"__proto__":{"a":1},"text":"\\u0000\\ud800","n":9007199254740991}');
});

test.each([
  ["no object", 5],
  ["without a seq", { ...offered, seq: undefined }],
  ["a seq that is no number", { ...offered, seq: "7" }],
  ["an assignment without an id", { ...offered, assignmentId: "a" }],
  ["no offer", { ...offered, offer: null }],
  ["no task", { ...offered, offer: { ...offered.offer, task: {} } }],
  ["a fence below 0", { ...offered, offer: { ...offered.offer, fence: -1 } }],
])("of an offer that is garbled, %s, only the agent is heard", async (_, garbled) => {
  const heard: NodeHint[] = [];
  await hints.onNode(nodeId, (hint) => heard.push(hint));
  const agentId = uuid<AgentId>();
  await fanOut.publish(`devmesh:node:${nodeId}`, JSON.stringify([[tenantId, agentId, garbled]]));
  await turns();
  expect(heard).toEqual([{ deliver: [{ tenantId, agentId }] }]);
});

test("mail is told to every node", async () => {
  const heard: NodeHint[] = [];
  await hints.onNode(uuid<NodeId>(), (hint) => heard.push(hint));
  await hints.onNode(uuid<NodeId>(), (hint) => heard.push(hint));
  const agent = { tenantId, agentId: uuid<AgentId>() };
  hints.engineHints.mailed([agent]);
  await turns();
  expect(heard).toEqual([{ deliver: [agent] }, { deliver: [agent] }]);
});

test("changes, the earliest time and a nudge arrive, until the hearing ends", async () => {
  const heard: (TaskHint | Date | string)[] = [];
  await hints.onEventsReadable((tenantIds) => heard.push(...tenantIds));
  const end = await hints.onTaskChanges((tasks) => heard.push(...tasks));
  await hints.onDue((at) => heard.push(at));
  await hints.onOutbox(() => heard.push("outbox"));
  const task = { tenantId, taskId: uuid<TaskId>() };
  hints.engineHints.changed([task]);
  hints.engineHints.due(new Date(2_000));
  hints.engineHints.due(new Date(1_000));
  hints.nudgeOutbox();
  hints.eventsReadable([tenantId, tenantId]);
  await turns();
  expect(heard).toEqual([task, new Date(1_000), "outbox", tenantId]);
  await end();
  hints.engineHints.changed([task]);
  await turns();
  expect(heard).toHaveLength(4);
});

test("what waits for vectors, imports, contexts, and collections that got on are told of", async () => {
  const heard: unknown[] = [];
  await hints.onEmbeddings(() => heard.push("embeddings"));
  await hints.onImports(() => heard.push("imports"));
  await hints.onContexts(() => heard.push("contexts"));
  await hints.onCollectionsChanged((collections) => heard.push(...collections));
  const collection = { tenantId, collectionId: uuid<CollectionId>() };
  hints.nudgeEmbeddings();
  hints.nudgeEmbeddings();
  hints.nudgeImports();
  hints.nudgeContexts();
  hints.collectionsChanged([collection, collection]);
  await turns();
  expect(heard).toEqual(["embeddings", "imports", "contexts", collection]);
});

test("entries that changed, and agents that have mail, are told of once a turn", async () => {
  const heard: unknown[] = [];
  await hints.onEntriesChanged((entries) => heard.push(...entries));
  await hints.onMail((agents) => heard.push(...agents));
  const entry = { tenantId, entryId: uuid<KnowledgeId>() };
  const agent = { tenantId, agentId: uuid<AgentId>() };
  hints.entriesChanged([entry, entry]);
  hints.engineHints.mailed([agent]);
  await turns();
  expect(heard).toHaveLength(2);
  expect(heard).toEqual(expect.arrayContaining([entry, agent]));
});

test("lanes and limits in which something may be claimed are told of, and agents for which it may, each once", async () => {
  const heard: unknown[] = [];
  await hints.onClaimable((scope) => heard.push(scope));
  const lane = { tenantId, laneId: uuid<LaneId>() };
  const limit = { tenantId, limitId: uuid<LimitId>() };
  const agent = { tenantId, agentId: uuid<AgentId>() };
  hints.engineHints.claimable({ lanes: [lane, lane], limits: [limit], agents: [agent, agent] });
  await turns();
  expect(heard).toEqual([{ lanes: [lane], limits: [limit], agents: [agent] }]);
});

test("malformed messages harm nobody", async () => {
  const heard: unknown[] = [];
  await hints.onNode(nodeId, (hint) => heard.push(hint));
  await hints.onTaskChanges((tasks) => heard.push(tasks));
  await hints.onDue((at) => heard.push(at));
  await hints.onCollectionsChanged((collections) => heard.push(collections));
  await hints.onEntriesChanged((entries) => heard.push(entries));
  await hints.onMail((agents) => heard.push(agents));
  await hints.onClaimable((scope) => heard.push(scope));
  const malformed = [
    "",
    "{",
    "null",
    "{}",
    "[null]",
    "[[]]",
    '[["a","b"]]',
    "[1]",
    '["never"]',
    '[{"connectionId":1}]',
  ];
  for (const message of malformed) {
    for (const channel of [
      `devmesh:node:${nodeId}`,
      "devmesh:mail",
      "devmesh:tasks",
      "devmesh:due",
      "devmesh:claimable",
      "devmesh:collections",
      "devmesh:knowledge",
    ]) {
      await fanOut.publish(channel, message);
    }
  }
  await turns();
  expect(heard).toEqual([]);
});

test("a turn's hints are split at 7 kB, and nothing is lost", () => {
  const items = Array.from({ length: 500 }, () => JSON.stringify([randomUUID(), randomUUID()]));
  const messages = joinItems([...items, JSON.stringify("x".repeat(8_000))]);
  expect(messages.length).toBeGreaterThan(1);
  expect(Math.max(...messages.map((message) => Buffer.byteLength(message)))).toBeLessThanOrEqual(7_000);
  expect(messages.flatMap((message) => JSON.parse(message).map((item: unknown) => JSON.stringify(item)))).toEqual(
    items,
  );
});

test("a fan-out that fails is not noticed", async () => {
  const failing = { ...fanOut, publish: () => Promise.reject(new Error("away")) };
  const lost = createHints(failing);
  lost.nudgeOutbox();
  await turns();
  lost.engineHints.due(new Date());
  await lost[Symbol.asyncDispose]();
});

test("task hints that follow each other are gathered; none is lost, the first does not wait", async () => {
  const heard: (readonly TaskHint[])[] = [];
  await hints.onTaskChanges((tasks) => heard.push(tasks));
  const tasks = [1, 2, 3, 4].map(() => ({ tenantId, taskId: uuid<TaskId>() }));
  const [first, second, ...rest] = tasks;
  hints.engineHints.changed(first && second ? [first, second] : []);
  await turns();
  expect(heard).toEqual([[first, second]]);
  for (const task of rest) {
    hints.engineHints.changed([task]);
    await turns();
  }
  await expect.poll(() => heard.flat()).toEqual(tasks);
});

test("what is gathered when the hints are closed is sent", async () => {
  const heard: (readonly TaskHint[])[] = [];
  await fanOut.subscribe("devmesh:tasks", (message) => heard.push(JSON.parse(message)));
  const ids = [1, 2].map(() => uuid<TaskId>());
  for (const taskId of ids) {
    hints.engineHints.changed([{ tenantId, taskId }]);
    await turns();
  }
  await hints[Symbol.asyncDispose]();
  await turns();
  expect(heard).toEqual(ids.map((taskId) => [[tenantId, taskId]]));
});

test("tells what clients of the MCP server asked for, and hears nothing that is garbled", async () => {
  const heard: McpChange[] = [];
  await hints.onMcpChanges((changes) => heard.push(...changes));
  const changes: readonly McpChange[] = [
    { tenantId, list: "tools" },
    { tenantId, list: "prompts" },
  ];
  hints.mcpChanged([...changes, ...changes]);
  await turns();
  const garbled = [[tenantId, "nothing"], [tenantId], ["no tenant", "tools"], 7];
  await fanOut.publish("devmesh:mcp", JSON.stringify(garbled));
  await turns();
  expect(heard).toEqual(changes);
});
