import { sql } from "@devmesh/repositories";
import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { hello, registered } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let a: Node;
let b: Node;

beforeAll(async () => {
  mesh = await openMesh();
  const hasty = { ...intervals, nodeLeaseMs: 300, mailboxSweepMs: 200 };
  a = await mesh.startNode({ intervals: hasty });
  b = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

test("brings a task submitted through one node to an agent of the other", async () => {
  const agent = await registered({ port: a.port, key: mesh.key, name: "on-a" });
  const submitter = await hello({ port: b.port, key: mesh.key, name: "on-b" });
  for (let i = 1; i <= 3; i++) {
    const { payload } = await submitter.request("TASK_SUBMIT", { task: { type: "on-a" } });
    const { payload: offer } = await agent.next("TASK_ASSIGN");
    expect(offer).toMatchObject({ seq: i, task: { id: payload.task.id } });
    const about = { assignmentId: offer.assignmentId, fence: offer.fence };
    await agent.request("TASK_ACCEPT", about);
    await agent.request("TASK_COMPLETE", { ...about, output: i });
  }
  await agent.close();
  await submitter.close();
});

test("replaces a connection that another node holds, and sends to the new one what is left", async () => {
  const older = await registered({ port: a.port, key: mesh.key, name: "mover" });
  await older.request("TASK_SUBMIT", { task: { type: "mover" } });
  const { payload: offer } = await older.next("TASK_ASSIGN");
  const newer = await hello({ port: b.port, key: mesh.key, name: "mover" });
  expect(await older.next("GOODBYE")).toMatchObject({ payload: { reason: "replaced" } });
  expect((await older.closed).code).toBe(4409);
  expect((await newer.next("TASK_ASSIGN")).payload).toMatchObject({ seq: offer.seq });
  expect(await newer.request("TASK_ACCEPT", { assignmentId: offer.assignmentId, fence: offer.fence })).toMatchObject({
    name: "TASK_RECORDED",
  });
  await newer.close();
});

test("closes a connection with 4409 that was replaced without a word of it getting through", async () => {
  const client = await registered({ port: a.port, key: mesh.key, name: "unaware" });
  await mesh.database.query(sql`
    update agent_slot set connection_id = gen_random_uuid()
    where agent_id in (select id from agent where name = 'unaware')`);
  expect((await client.closed).code).toBe(4409);
});

test("closes a connection with 4403 whose agent was revoked without a word of it getting through", async () => {
  const client = await registered({ port: a.port, key: mesh.key, name: "banned" });
  await mesh.database.query(sql`update agent set admin = 'revoked' where name = 'banned'`);
  expect((await client.closed).code).toBe(4403);
});

test("finds by itself what waits for an agent of whom no hint told", async () => {
  const client = await registered({ port: a.port, key: mesh.key, name: "unhinted" });
  await mesh.database.query(sql`
    with s as (
      update agent_slot set next_seq = next_seq + 1
      where agent_id in (select id from agent where name = 'unhinted')
      returning tenant_id, agent_id, next_seq - 1 as seq
    )
    insert into mailbox (tenant_id, agent_id, seq, type, payload)
    select tenant_id, agent_id, seq, 519, ${JSON.stringify({ assignmentId: mesh.tenantId, fence: 1, reason: "test" })}
    from s`);
  expect((await client.next("TASK_CANCEL")).payload).toMatchObject({ seq: 1, reason: "test" });
  await client.close();
});

test("takes its connections back after the node's lease had lapsed, with what waits for them", async () => {
  const client = await registered({ port: a.port, key: mesh.key, name: "kept" });
  const other = await hello({ port: b.port, key: mesh.key, name: "watcher" });
  await mesh.database.query(sql`update node set lease_until = now() - interval '1 minute'`);
  await mesh.database.query(sql`
    update agent_slot set connection_id = null, node_id = null
    where agent_id in (select id from agent where name = 'kept')`);
  await other.request("TASK_SUBMIT", { task: { type: "kept" } });
  expect((await client.next("TASK_ASSIGN")).payload.task.type).toBe("kept");
  await client.close();
  await other.close();
});
