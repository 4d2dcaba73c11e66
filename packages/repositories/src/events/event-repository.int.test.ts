import { type AgentId, type ConnectionId, compareCursors, type NodeId, type TenantId } from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  describeOnBoth,
  givenAgent,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
  relayAll,
} from "../../test/fixture.ts";
import { agentRepository } from "../agents/agent-repository.ts";
import { nodeRepository } from "../agents/node-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { deliveryRepository } from "../messages/delivery-repository.ts";
import { subscriptionRepository } from "../messages/subscription-repository.ts";
import { eventRepository } from "./event-repository.ts";

describeOnBoth(describeEvents);

/** Before every event. */
const start = { xid: 0, recorded: 0 };

function describeEvents(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let nodeId: NodeId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(async () => {
    tenantId = await givenTenant(database);
    nodeId = await givenNode(database);
  });

  const typesOf = async (agentId: AgentId): Promise<readonly string[]> => {
    await relayAll(database);
    const events = await eventRepository(database).read(tenantId, start, 1_000);
    return events.filter(({ event }) => event.subject === agentId).map(({ event }) => event.type);
  };
  const fanOutAll = async (): Promise<number> => {
    let events = 0;
    for (;;) {
      const done = await eventRepository(database).fanOut(3);
      if (done === undefined) return events;
      events += done.events;
    }
  };
  const cursorsOf = async (tenants: readonly TenantId[]): Promise<readonly number[]> => {
    const { rows } = await database.query<{ recorded: number }>(sql`
      select recorded from event_fan_out where tenant_id = any (${tenants}::uuid[]) order by tenant_id`);
    return rows.map(({ recorded }) => recorded);
  };
  const mailOf = async (agentId: AgentId): Promise<readonly { readonly seq: number; readonly topic: unknown }[]> => {
    const frames = await deliveryRepository(database).findFrames(
      [{ tenantId, agentId, afterSeq: 0, resume: true }],
      1_000,
    );
    return frames.map((frame) => ({ seq: frame.seq, topic: frame.kind === "mail" ? frame.payload["topic"] : "" }));
  };

  test("what happens to an agent is told by whatever does it, and what is no news is not", async () => {
    const agents = agentRepository(database);
    const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const { id } = agent;
    const held = { tenantId, agentId: id, connectionId };
    await agents.update(tenantId, id, { availability: "busy" });
    await agents.update(tenantId, id, { availability: "busy", load: { cpu: 1 } });
    await agents.setAdmin(tenantId, id, "paused");
    await agents.setAdmin(tenantId, id, "active");
    await agents.update(tenantId, id, { maxConcurrency: 7 });
    await agents.detach([{ ...held, unreachable: true }]);
    await agents.detach([{ ...held, unreachable: true }]);
    await agents.attach(tenantId, agent.name, { connectionId: newUuid<ConnectionId>(), nodeId }, undefined);
    await nodeRepository(database).leave(nodeId);
    await agents.setAdmin(tenantId, id, "revoked");
    await agents.deregister(tenantId, id);
    expect(await typesOf(id)).toEqual([
      "agent.registered",
      "agent.connected",
      "agent.updated",
      "agent.paused",
      "agent.resumed",
      "agent.updated",
      "agent.disconnected",
      "agent.connected",
      "agent.disconnected",
      "agent.revoked",
      "agent.deregistered",
    ]);
  });

  test("events of tasks and agents share one order, and each has an id that stays", async () => {
    const { agent } = await givenAgent(database, tenantId, {});
    const task = await givenTask(database, tenantId);
    await relayAll(database);
    await agentRepository(database).update(tenantId, agent.id, { metadata: { a: 1 } });
    await relayAll(database);
    const { read } = eventRepository(database);
    const events = await read(tenantId, start, 1_000);
    expect(events.toSorted((a, b) => compareCursors(a.cursor, b.cursor))).toEqual(events);
    expect(new Set(events.map(({ cursor }) => cursor.recorded)).size).toBe(events.length);
    expect(events.at(-1)?.event).toMatchObject({ subject: agent.id, type: "agent.updated" });
    expect(new Set(events.map(({ event }) => event.subject))).toEqual(new Set([agent.id, task.id]));
    const ids = events.map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(events.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await read(tenantId, events[0]?.cursor ?? start, 2)).toEqual(events.slice(1, 3));
    expect(await read(await givenTenant(database), start, 10)).toEqual([]);
  });

  test("a durable subscriber has each event once in its mailbox, whoever fans out at the same time", async () => {
    const { agent: reader, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const { agent: plain, connectionId: other } = await givenAgent(database, tenantId, { nodeId });
    await relayAll(database);
    const { subscribe } = subscriptionRepository(database);
    await subscribe({ tenantId, agentId: reader.id, connectionId }, ["task.*", "task.>", "agent.paused"], {
      isDurable: true,
    });
    await subscribe({ tenantId, agentId: plain.id, connectionId: other }, [">"], { isDurable: false });
    await Promise.all([fanOutAll(), fanOutAll()]);
    expect(await mailOf(reader.id)).toEqual([]);
    const tasks = await Promise.all(Array.from({ length: 5 }, () => givenTask(database, tenantId)));
    await agentRepository(database).setAdmin(tenantId, plain.id, "paused");
    await agentRepository(database).setAdmin(tenantId, plain.id, "active");
    await relayAll(database);
    await Promise.all([fanOutAll(), fanOutAll()]);
    await fanOutAll();
    const mail = await mailOf(reader.id);
    expect(mail.map(({ seq }) => seq)).toEqual(mail.map((_, index) => index + 1));
    const { rows } = await database.query<{ count: number }>(sql`
      select count(*) from task_event where task_id = any (${tasks.map(({ id }) => id)}::uuid[])`);
    expect(rows[0]?.count).toBeGreaterThanOrEqual(5);
    expect(mail.filter(({ topic }) => topic !== "agent.paused")).toHaveLength(rows[0]?.count ?? 0);
    expect(mail.filter(({ topic }) => topic === "agent.paused")).toHaveLength(1);
    expect(await mailOf(plain.id)).toEqual([]);
  });

  test("the cursor goes with the last durable subscription, and begins anew with the next", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const held = { tenantId, agentId: agent.id, connectionId };
    const { subscribe, unsubscribe } = subscriptionRepository(database);
    const cursors = async (): Promise<unknown> =>
      (await database.query(sql`select from event_fan_out where tenant_id = ${tenantId}`)).rows.length;
    await subscribe(held, ["news.a"], { isDurable: true });
    expect(await cursors()).toBe(0);
    await subscribe(held, ["*.created"], { isDurable: true });
    expect(await cursors()).toBe(1);
    await unsubscribe(held, ["*.created"]);
    await givenTask(database, tenantId);
    await relayAll(database);
    expect(await fanOutAll()).toBe(0);
    expect(await cursors()).toBe(0);
    await subscribe(held, ["task.>"], { isDurable: true });
    expect(await fanOutAll()).toBe(0);
    await givenTask(database, tenantId);
    await relayAll(database);
    expect(await fanOutAll()).toBeGreaterThan(0);
    expect((await mailOf(agent.id)).length).toBeGreaterThan(0);
  });

  test("what a fan-out of the version before has given is not given again", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const held = { tenantId, agentId: agent.id, connectionId };
    await subscriptionRepository(database).subscribe(held, ["task.created"], { isDurable: true });
    const [given, numbered, fresh] = [
      await givenTask(database, tenantId),
      await givenTask(database, tenantId),
      await givenTask(database, tenantId),
    ];
    await database.query(sql`update task_event set position = 5 where task_id = ${given.id} and seq = 1`);
    await database.query(sql`update task_event set position = 6 where task_id = ${numbered.id} and seq = 1`);
    await database.query(sql`update event_fan_out set position = 5 where tenant_id = ${tenantId}`);
    await relayAll(database);
    await fanOutAll();
    const { rows } = await database.query<{ subject: string }>(sql`
      select payload->'event'->>'subject' as subject from mailbox where agent_id = ${agent.id} order by seq`);
    expect(rows.map(({ subject }) => subject)).toEqual([numbered.id, fresh.id]);
  });

  test("tenants take turns: one with many events does not keep another's waiting", async () => {
    await relayAll(database);
    await fanOutAll();
    const tenants = [await givenTenant(database), await givenTenant(database), await givenTenant(database)];
    for (const one of tenants) {
      const { agent, connectionId } = await givenAgent(database, one, { nodeId });
      const held = { tenantId: one, agentId: agent.id, connectionId };
      await subscriptionRepository(database).subscribe(held, ["task.>"], { isDurable: true });
      for (let task = 0; task < 5; task++) await givenTask(database, one);
    }
    await relayAll(database);
    const { fanOut } = eventRepository(database);
    expect(await cursorsOf(tenants)).toEqual([0, 0, 0]);
    for (const _ of tenants) expect(await fanOut(1)).toMatchObject({ events: 1 });
    expect(await cursorsOf(tenants)).not.toContain(0);
    await fanOutAll();
  });

  test("a cursor before events that were pruned keeps nobody busy", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const held = { tenantId, agentId: agent.id, connectionId };
    await subscriptionRepository(database).subscribe(held, ["agent.>"], { isDurable: true });
    await relayAll(database);
    await database.query(sql`delete from agent_event where tenant_id = ${tenantId}`);
    const { fanOut } = eventRepository(database);
    expect(await fanOut(10)).toBeUndefined();
  });

  test("many events for many subscribers are written bit by bit", async () => {
    const subscribers = 101;
    for (let n = 0; n < subscribers; n++) {
      const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
      const held = { tenantId, agentId: agent.id, connectionId };
      await subscriptionRepository(database).subscribe(held, ["task.>"], { isDurable: true });
    }
    await relayAll(database);
    await fanOutAll();
    const { id } = await givenTask(database, tenantId);
    await relayAll(database);
    await fanOutAll();
    await database.query(sql`
      insert into task_event (tenant_id, task_id, seq, type, data)
      select ${tenantId}, ${id}, 100 + n, 'task.progress', '{}' from generate_series(1, 200) as n`);
    await relayAll(database);
    const { fanOut } = eventRepository(database);
    // 20,000 frames at most
    expect(await fanOut(200)).toMatchObject({ events: 198 });
    expect(await fanOut(200)).toMatchObject({ events: 2 });
    expect(await fanOut(200)).toBeUndefined();
  });
}
