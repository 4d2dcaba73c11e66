import { sql } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { type Client, connect, hello, type Payload, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode({ intervals: { ...intervals, touchMs: 50 } });
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** An agent with room for three tasks, that was offered two. */
async function withOffers(name: string): Promise<{ readonly agent: Client; readonly offers: readonly Payload[] }> {
  const agent = await registered({ port: node.port, key: mesh.key, name, maxConcurrency: 3 });
  await agent.request("TASK_SUBMIT", { task: { type: name } });
  const first = await agent.next("TASK_ASSIGN");
  await agent.request("TASK_SUBMIT", { task: { type: name } });
  const second = await agent.next("TASK_ASSIGN");
  return { agent, offers: [first.payload, second.payload] };
}

function about({ assignmentId, fence }: Payload): { readonly assignmentId: string; readonly fence: number } {
  return { assignmentId, fence };
}

async function drop(agent: Client): Promise<void> {
  agent.socket.terminate();
  await agent.closed;
}

/** Waits for what can't come: a PING after it is answered, and it was not there. */
async function seqsOf(client: Client): Promise<readonly number[]> {
  await client.request("TASK_GET", { taskId: "none" });
  return client.log.flatMap(({ payload }) => payload.seq ?? []);
}

test("sends what is not acknowledged again, after WELCOME, in order and with the same seq", async () => {
  const { agent, offers } = await withOffers("again");
  await drop(agent);
  const back = await hello({ port: node.port, key: mesh.key, name: "again" });
  await back.next(({ payload }) => payload.seq === offers[1].seq);
  expect(back.log.map(({ name }) => name)).toEqual(["WELCOME", "TASK_ASSIGN", "TASK_ASSIGN"]);
  expect(back.log.flatMap(({ payload }) => payload.assignmentId ?? [])).toEqual(
    offers.map(({ assignmentId }) => assignmentId),
  );
  await back.close();
});

test("acknowledges by lastSeq, and sorts what the client still holds", async () => {
  const { agent, offers } = await withOffers("holder");
  await agent.request("TASK_ACCEPT", about(offers[0]));
  await drop(agent);
  const back = await connect({ port: node.port, key: mesh.key });
  const welcome = await back.request("HELLO", {
    agentName: "holder",
    lastSeq: offers[0].seq,
    holding: [offers[0].assignmentId, "nonsense"],
  });
  expect(welcome.payload).toMatchObject({ keep: [offers[0].assignmentId], recorded: [], drop: ["nonsense"] });
  expect((await back.next("TASK_ASSIGN")).payload.seq).toBe(offers[1].seq);
  await back.request("TASK_COMPLETE", { ...about(offers[0]), output: 1 });
  await drop(back);
  const third = await connect({ port: node.port, key: mesh.key });
  const again = await third.request("HELLO", { agentName: "holder", holding: [offers[0].assignmentId] });
  expect(again.payload).toMatchObject({ keep: [], recorded: [offers[0].assignmentId], drop: [] });
  await third.close();
});

test("keeps an ACK beyond the connection, and refuses one of what was never sent", async () => {
  const { agent, offers } = await withOffers("acker");
  agent.send("ACK", { seq: offers[1].seq });
  agent.send("ACK", { seq: offers[0].seq });
  agent.send("ACK", { seq: offers[1].seq + 1 });
  expect(await agent.next("ERROR")).toMatchObject({ payload: { code: "invalid_argument" } });
  await drop(agent);
  await waitFor(async () => {
    const { rows } = await mesh.database.query<{ acked: number }>(sql`
      select s.acked_seq as acked from agent_slot s join agent a on a.id = s.agent_id where a.name = 'acker'`);
    return rows[0]?.acked === offers[1].seq;
  });
  const back = await hello({ port: node.port, key: mesh.key, name: "acker" });
  expect(await seqsOf(back)).toEqual([]);
  await back.close();
});

test("leaves out an assignment that has ended, and its cancel if it was never acknowledged", async () => {
  const { agent, offers } = await withOffers("gaps");
  await agent.request("TASK_ACCEPT", about(offers[0]));
  await drop(agent);
  for (const { task } of offers) await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: task.id }, "cancelled");
  const back = await connect({ port: node.port, key: mesh.key });
  await back.request("HELLO", { agentName: "gaps", lastSeq: offers[0].seq });
  const cancel = await back.next("TASK_CANCEL");
  expect(cancel.payload).toMatchObject({ assignmentId: offers[0].assignmentId });
  expect(await seqsOf(back)).toEqual([cancel.payload.seq]);
  await back.close();
});

test("brings to a connecting agent what was queued meanwhile", async () => {
  const agent = await registered({ port: node.port, key: mesh.key, name: "late" });
  const taskOwner = await hello({ port: node.port, key: mesh.key, name: "owner" });
  await agent.close();
  await taskOwner.request("TASK_SUBMIT", { task: { type: "late" } });
  const back = await hello({ port: node.port, key: mesh.key, name: "late" });
  expect((await back.next("TASK_ASSIGN")).payload.task.type).toBe("late");
  await back.close();
  await taskOwner.close();
});
