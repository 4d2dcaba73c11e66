import type { Agent, AgentId, ConnectionId, NodeId, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  describeOnPostgres,
  givenAgent,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { ledgerStore } from "../ledger/ledger-store.ts";
import { deliveryRepository } from "../messages/delivery-repository.ts";
import { frameTypes } from "../messages/frame-types.ts";
import { depositLetters } from "../messages/mailbox-writes.ts";
import { type AgentRepository, agentRepository } from "./agent-repository.ts";
import { nodeRepository } from "./node-repository.ts";
import { type PullRepository, pullRepository } from "./pull-repository.ts";

describeOnBoth(describePulling);
describeOnPostgres(describeRaces);

const presenceMs = 120_000;

function describePulling(open: OpenDatabase): void {
  let database: Database;
  let agents: AgentRepository;
  let pull: PullRepository;
  let tenantId: TenantId;
  let nodeId: NodeId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    agents = agentRepository(database);
    pull = pullRepository(database);
    tenantId = await givenTenant(database);
    nodeId = await givenNode(database);
  });
  afterAll(() => stack.disposeAsync());

  const run = <Row>(statement: Sql): Promise<Row[]> =>
    database.transaction({ role: "devmesh_engine" }, async (tx) => (await tx.query<Row>(statement)).rows);
  const register = (name: string, delivery: Agent["delivery"] = "pull"): Promise<Agent> =>
    agents.register(
      tenantId,
      newUuid<AgentId>(),
      { name, kind: "worker", capabilities: [{ name: "work", level: 1 }], maxConcurrency: 2 },
      { delivery, ...(delivery === "pull" && { presenceMs }) },
    );
  const lapse = (agentId: AgentId): Promise<unknown> =>
    run(sql`update agent_slot set present_until = now() - interval '1 second' where agent_id = ${agentId}`);
  const deposit = (agentIds: readonly AgentId[], payload = '{"a":1}', ttlMs?: number): Promise<unknown> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
      depositLetters(tx, [{ tenantId, type: frameTypes.MESSAGE, payload, ttlMs, agentIds }]),
    );

  test("an agent that claims is connected while its presence lasts, and unreachable after it", async () => {
    const agent = await register("present");
    expect(agent).toMatchObject({ delivery: "pull", connection: "connected", health: "healthy" });
    await lapse(agent.id);
    expect(await agents.find(tenantId, "present")).toMatchObject({
      connection: "disconnected",
      health: "unreachable",
      delivery: "pull",
    });
    expect(await agents.list(tenantId, {}, { limit: 100 })).toContainEqual(
      expect.objectContaining({ name: "present", connection: "disconnected" }),
    );
    const beat = await pull.heartbeat({ tenantId, agentId: agent.id }, { presenceMs, load: { cpu: 0.5 } });
    expect(beat?.agent).toMatchObject({ connection: "connected", health: "healthy", load: { cpu: 0.5 } });
    expect(Date.parse(beat?.presentUntil ?? "") - Date.parse(beat?.agent.lastSeenAt ?? "")).toBe(presenceMs);
    expect(await pull.heartbeat({ tenantId, agentId: agent.id }, { presenceMs })).toMatchObject({
      agent: { load: { cpu: 0.5 } },
      holding: [],
      mail: 0,
      ackedSeq: 0,
    });
  });

  test("that its presence begins and ends is told once, by whoever notices it", async () => {
    const nodes = nodeRepository(database);
    const { id: agentId } = await register("told");
    const ref = { tenantId, agentId };
    const told = async (): Promise<readonly string[]> => {
      const events = await run<{ type: string; data: object }>(
        sql`select type, data from agent_event where agent_id = ${agentId} and type like '%connected' order by recorded`,
      );
      expect(events.every(({ data }) => JSON.stringify(data).includes("told"))).toBe(true);
      return events.map(({ type }) => type.replace("agent.", ""));
    };
    /** It ends by itself: nobody writes. */
    const letEnd = async (): Promise<void> => {
      await pull.heartbeat(ref, { presenceMs: 1 });
      const isOver = sql`select from agent_slot where agent_id = ${agentId} and present_until < now()`;
      await expect.poll(() => run(isOver)).toHaveLength(1);
    };
    expect(await told()).toEqual(["connected"]);
    await pull.heartbeat(ref, { presenceMs });
    expect([(await nodes.survey()).hasLapsed, await nodes.endPresences(), await told()]).toEqual([
      false,
      0,
      ["connected"],
    ]);
    await letEnd();
    expect((await nodes.survey()).hasLapsed).toBe(true);
    const noted = await Promise.all([nodes.endPresences(), nodes.endPresences()]);
    expect([noted.toSorted(), (await nodes.survey()).hasLapsed]).toEqual([[0, 1], false]);
    expect(await told()).toEqual(["connected", "disconnected"]);
    await pull.heartbeat(ref, { presenceMs });
    expect(await told()).toEqual(["connected", "disconnected", "connected"]);
    // it is back before anybody has noticed
    await letEnd();
    await pull.heartbeat(ref, { presenceMs });
    expect((await told()).slice(3)).toEqual(["disconnected", "connected"]);
    // a connection takes it over, and goes on where it was; it comes back to claim, and leaves
    const connection = { connectionId: newUuid<ConnectionId>(), nodeId };
    await agents.attach(tenantId, "told", connection, undefined);
    expect((await told()).slice(5)).toEqual(["connected"]);
    await agents.detach([{ ...ref, connectionId: connection.connectionId, unreachable: false }]);
    await register("told");
    await agents.deregister(tenantId, agentId);
    expect((await told()).slice(6)).toEqual(["disconnected", "connected", "disconnected"]);
    expect(await nodes.endPresences()).toBe(0);
  });

  test("a sign of life tells what the agent holds", async () => {
    const agent = await register("holding");
    const task = await givenTask(database, tenantId);
    const claimed = await claim(database, tenantId, { taskId: task.id, agentId: agent.id });
    const beat = await pull.heartbeat({ tenantId, agentId: agent.id }, { presenceMs });
    expect(beat?.agent.inFlight).toBe(1);
    expect(beat?.holding).toEqual([
      { assignmentId: claimed, fence: 1, taskId: task.id, state: "running", leaseUntil: expect.any(String) },
    ]);
    // its clock stands still: no lease is told
    await run(sql`update assignment set attempt_left_ms = 1 where id = ${claimed}`);
    expect((await pull.heartbeat({ tenantId, agentId: agent.id }, { presenceMs }))?.holding[0]).not.toHaveProperty(
      "leaseUntil",
    );
  });

  test("nobody else's agent lives by it: connected, deregistered, unknown, another tenant's", async () => {
    const { agent: pushed } = await givenAgent(database, tenantId, { name: "pushed", nodeId });
    const gone = await register("gone");
    await agents.deregister(tenantId, gone.id);
    const mine = await register("mine");
    const other = await givenTenant(database);
    for (const ref of [
      { tenantId, agentId: pushed.id },
      { tenantId, agentId: gone.id },
      { tenantId, agentId: newUuid<AgentId>() },
      { tenantId: other, agentId: mine.id },
    ]) {
      expect(await pull.heartbeat(ref, { presenceMs, load: { cpu: 9 } })).toBeUndefined();
      expect(await pull.acknowledge(ref, 1)).toBeUndefined();
    }
    expect((await agents.find(tenantId, "pushed"))?.load).toEqual({});
    expect(await pull.readInbox({ tenantId: other, agentId: mine.id }, { limit: 1 })).toBeUndefined();
    expect(await pull.readInbox({ tenantId, agentId: gone.id }, { limit: 1 })).toBeUndefined();
  });

  test("an agent that is connected can't be registered to claim, and is untouched by the attempt", async () => {
    await givenAgent(database, tenantId, { name: "taken", nodeId });
    await expect(register("taken")).rejects.toMatchObject({ code: "conflict", reason: "connected" });
    expect(await agents.find(tenantId, "taken")).toMatchObject({ delivery: "push", maxConcurrency: 5 });
    // once it has left, it may
    const { agent } = await givenAgent(database, tenantId, { name: "left" });
    expect(await register("left")).toMatchObject({ id: agent.id, delivery: "pull", connection: "connected" });
  });

  test("an unreachable agent that comes back to claim is healthy", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { name: "lost", nodeId });
    await agents.detach([{ tenantId, agentId: agent.id, connectionId, unreachable: true }]);
    expect(await register("lost")).toMatchObject({ health: "healthy", connection: "connected" });
    const [slot] = await run<{ offerable: boolean }>(
      sql`select offerable from agent_slot where agent_id = ${agent.id}`,
    );
    expect(slot?.offerable).toBe(true);
  });

  test("HELLO makes it one that is pushed to, and so does AGENT_REGISTER; an operator's word does not", async () => {
    const agent = await register("moving");
    const connection = { connectionId: newUuid<ConnectionId>(), nodeId };
    expect(await register("moving", "push")).toMatchObject({ delivery: "pull", connection: "connected" });
    const attached = await agents.attach(tenantId, "moving", connection, undefined);
    expect(attached).toMatchObject({ agent: { delivery: "push", connection: "connected" } });
    const events = await run<{ type: string }>(
      sql`select type from agent_event where agent_id = ${agent.id} order by recorded`,
    );
    expect(events.map(({ type }) => type)).toEqual([
      "agent.registered",
      "agent.connected",
      "agent.updated",
      "agent.connected",
    ]);
    await agents.detach([{ tenantId, agentId: agent.id, connectionId: connection.connectionId, unreachable: false }]);
    expect(await agents.find(tenantId, "moving")).toMatchObject({ connection: "disconnected", health: "healthy" });
    await register("moving");
    await givenAgent(database, tenantId, { name: "moving", nodeId });
    expect(await agents.find(tenantId, "moving")).toMatchObject({ delivery: "push", connection: "connected" });
    expect(await pull.heartbeat({ tenantId, agentId: agent.id }, { presenceMs })).toBeUndefined();
  });

  test("a node that lapsed does not take back an agent that has begun to claim", async () => {
    const dying = await givenNode(database);
    const { agent, connectionId } = await givenAgent(database, tenantId, { name: "between", nodeId: dying });
    const held = { tenantId, agentId: agent.id, connectionId };
    await run(sql`update node set lease_until = now() - interval '1 second' where id = ${dying}`);
    const dropped = await nodeRepository(database).dropDead([]);
    expect(dropped.agents.map(({ agentId }) => agentId)).toContain(agent.id);
    await register("between");
    expect(await nodeRepository(database).reattach(dying, [held])).toEqual([]);
    expect(await agents.findNews([{ ...held, sentSeq: 0 }])).toMatchObject({ lost: [agent.id] });
    // nor does what nodes look after touch it
    await nodeRepository(database).dropDead([]);
    expect(await agents.find(tenantId, "between")).toMatchObject({ connection: "connected", delivery: "pull" });
  });

  test("its mail is read by seq, without what has expired, and taken out by acknowledging it", async () => {
    const agent = await register("reading");
    const ref = { tenantId, agentId: agent.id };
    expect(await pull.readInbox(ref, { limit: 10 })).toEqual({ frames: [], ackedSeq: 0 });
    await deposit([agent.id], '{"n":1}');
    await deposit([agent.id], '{"n":2}', 1);
    await run(
      sql`update mailbox set expires_at = now() - interval '1 second' where agent_id = ${agent.id} and expires_at is not null`,
    );
    await deposit([agent.id, (await register("beside")).id], `{"n":3,"text":"${"x".repeat(2_000)}"}`);
    const inbox = await pull.readInbox(ref, { limit: 10 });
    expect(inbox?.frames.map(({ seq, type, payload }) => [seq, type, payload["n"]])).toEqual([
      [1, frameTypes.MESSAGE, 1],
      [3, frameTypes.MESSAGE, 3],
    ]);
    expect(inbox?.frames[1]?.payload).toHaveProperty("text", "x".repeat(2_000));
    expect((await pull.readInbox(ref, { limit: 1 }))?.frames).toHaveLength(1);
    expect((await pull.readInbox(ref, { afterSeq: 1, limit: 1 }))?.frames).toMatchObject([{ seq: 3 }]);
    expect(await pull.heartbeat(ref, { presenceMs })).toMatchObject({ mail: 2 });
    expect(await pull.acknowledge(ref, 1)).toEqual({ ackedSeq: 1 });
    expect(await pull.acknowledge(ref, 0)).toEqual({ ackedSeq: 1 });
    expect((await pull.readInbox(ref, { limit: 10 }))?.frames).toMatchObject([{ seq: 3 }]);
    expect(await pull.acknowledge(ref, Number.MAX_SAFE_INTEGER)).toEqual({ ackedSeq: 3 });
    expect(await pull.readInbox(ref, { limit: 10 })).toEqual({ frames: [], ackedSeq: 3 });
    expect(await run(sql`select from mailbox where agent_id = ${agent.id}`)).toEqual([]);
  });

  test("of mail no more than a MiB is read at once, and always one frame", async () => {
    const agent = await register("heavy");
    const payload = JSON.stringify({ text: "x".repeat(700_000) });
    for (let count = 0; count < 3; count++) await deposit([agent.id], payload);
    const inbox = await pull.readInbox({ tenantId, agentId: agent.id }, { limit: 10 });
    expect(inbox?.frames.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("an assignment that was claimed has a seq, and is no mail; over a socket it comes again", async () => {
    const agent = await register("both-ways");
    const ref = { tenantId, agentId: agent.id };
    await deposit([agent.id]);
    const task = await givenTask(database, tenantId);
    const claimed = await claim(database, tenantId, { taskId: task.id, agentId: agent.id });
    await deposit([agent.id]);
    expect((await pull.readInbox(ref, { limit: 10 }))?.frames.map(({ seq }) => seq)).toEqual([1, 3]);
    const asked = [{ ...ref, afterSeq: 0, resume: true }];
    const frames = await deliveryRepository(database).findFrames(asked, 10);
    expect(frames.map((frame) => (frame.kind === "assign" ? frame.assignmentId : frame.seq))).toEqual([1, claimed, 3]);
  });
}

function describeRaces(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  test("signs of life, mail, claims and connections of the same agents at once stand in nobody's way", async () => {
    const tenantId = await givenTenant(database);
    const nodeId = await givenNode(database);
    const agents = agentRepository(database);
    const pull = pullRepository(database);
    const names = ["a", "b", "c", "d"];
    const capabilities = [{ name: "work", level: 1 }];
    const register = (name: string): Promise<Agent> => {
      const registration = { name, kind: "worker", capabilities, maxConcurrency: 100 } as const;
      return agents.register(tenantId, newUuid(), registration, { delivery: "pull", presenceMs });
    };
    const ids = (await Promise.all(names.map(register))).map(({ id }) => id);
    const connect = async (agentName: string): Promise<void> => {
      const connection = { connectionId: newUuid<ConnectionId>(), nodeId };
      const attached = await agents.attach(tenantId, agentName, connection, undefined);
      if (attached === undefined || attached.ahead) throw new Error("it was not attached");
      const held = { tenantId, agentId: attached.agent.id, connectionId: connection.connectionId };
      await agents.touch([{ ...held, health: "healthy", ackedSeq: 1 }]);
      await agents.detach([{ ...held, unreachable: true }]);
    };
    const claimOne = async (agentId: AgentId): Promise<void> => {
      const task = await givenTask(database, tenantId);
      // its slot is a connection's meanwhile
      await claim(database, tenantId, { taskId: task.id, agentId }).catch(() => undefined);
    };
    const rounds = Array.from({ length: 8 }, (_, round) => (round % 2 === 0 ? ids : ids.toReversed()));
    await Promise.all(
      rounds.flatMap((order, round) => [
        ...order.map((agentId) => pull.heartbeat({ tenantId, agentId }, { presenceMs, load: { cpu: round } })),
        ...order.map((agentId) => pull.heartbeat({ tenantId, agentId }, { presenceMs })),
        ...order.map((agentId) => pull.acknowledge({ tenantId, agentId }, round)),
        ...order.map((agentId) => agents.setAdmin(tenantId, agentId, "active")),
        ...order.map(claimOne),
        ...names.map(connect),
        // it is connected just now
        ...names.map((name) => register(name).catch((error) => expect(error).toMatchObject({ reason: "connected" }))),
        database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
          depositLetters(tx, [{ tenantId, type: frameTypes.MESSAGE, payload: "{}", agentIds: order }]),
        ),
      ]),
    );
    const { rows } = await database.query<{ isPull: boolean; isPresent: boolean; isConnected: boolean }>(sql`
      select a.delivery = 'pull' as "isPull", s.present_until is not null as "isPresent",
        s.connection_id is not null as "isConnected"
      from agent a join agent_slot s on s.agent_id = a.id where a.tenant_id = ${tenantId}`);
    for (const { isPull, isPresent, isConnected } of rows) expect([isPresent, isConnected]).toEqual([isPull, false]);
  });
}

/** Takes a slot as a claim does. */
async function claim(
  database: Database,
  tenantId: TenantId,
  { taskId, agentId }: { readonly taskId: Awaited<ReturnType<typeof givenTask>>["id"]; readonly agentId: AgentId },
): Promise<string> {
  const why = { strategy: "capability_match", candidates: [], passedOver: {} } as const;
  const [taken] = await ledgerStore(database, () => newUuid()).transaction([tenantId], async (tx) => {
    await tx.lockByTask([{ tenantId, taskId }]);
    const pick = {
      tenantId,
      taskId,
      agentId,
      assignmentId: newUuid<never>(),
      strategy: "capability_match",
      why,
    } as const;
    return tx.take([pick], { acceptMs: 1, leaseMs: 30_000, by: "claim" });
  });
  if (taken === undefined) throw new Error("the slot was not taken");
  return taken.assignmentId;
}
