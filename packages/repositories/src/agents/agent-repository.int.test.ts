import type { AgentId, AgentRegistration, ConnectionId, NodeId, TenantId } from "@devmesh/models";
import { toRequirements } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  describeOnPostgres,
  givenAgent,
  givenAssignment,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { ledgerStore } from "../ledger/ledger-store.ts";
import { type AgentRepository, agentRepository } from "./agent-repository.ts";
import { nodeRepository } from "./node-repository.ts";

describeOnBoth(describeRegistry);
describeOnPostgres(describeRaces);

interface Pair {
  readonly laneId: string;
  readonly agentId: string;
  readonly misfit: string | null;
  readonly levelGap: number;
}

async function pairsOf(database: Database, tenantId: TenantId): Promise<readonly Pair[]> {
  const { rows } = await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
    tx.query<Pair>(sql`
      select lane_id as "laneId", agent_id as "agentId", misfit, level_gap as "levelGap"
      from lane_agent where tenant_id = ${tenantId}`),
  );
  return rows;
}

function isOfferable(database: Database, tenantId: TenantId, agentId: AgentId): Promise<boolean | undefined> {
  return database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    const { rows } = await tx.query<{ offerable: boolean }>(sql`
      select offerable from agent_slot where agent_id = ${agentId}`);
    return rows[0]?.offerable;
  });
}

function describeRegistry(open: OpenDatabase): void {
  let database: Database;
  let agents: AgentRepository;
  let tenantId: TenantId;
  let nodeId: NodeId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    agents = agentRepository(database);
    tenantId = await givenTenant(database);
    nodeId = await givenNode(database);
  });
  afterAll(() => stack.disposeAsync());

  test("a registered agent is as it was told, and disconnected without a connection", async () => {
    const { agent } = await givenAgent(database, tenantId, {
      name: "as-told",
      capabilities: [{ name: "a", level: 3, tags: { x: "y" }, costMicroUsd: 7 }],
      metadata: { z: [1, { é: null }] },
    });
    expect(agent).toMatchObject({
      name: "as-told",
      kind: "worker",
      capabilities: [{ name: "a", level: 3, tags: { x: "y" }, costMicroUsd: 7 }],
      maxConcurrency: 5,
      inFlight: 0,
      connection: "disconnected",
      availability: "available",
      health: "healthy",
      admin: "active",
      load: {},
      metadata: { z: [1, { é: null }] },
      delivery: "push",
    });
    expect(await agents.find(tenantId, "as-told")).toEqual(agent);
    expect(await agents.find(tenantId, agent.id.toUpperCase())).toEqual(agent);
    expect(await agents.find(tenantId, "nobody")).toBeUndefined();
  });

  test("registering a name again updates the same agent and keeps its metadata", async () => {
    const { agent } = await givenAgent(database, tenantId, { name: "twice", metadata: { a: 1 } });
    const again = await givenAgent(database, tenantId, { name: "twice", capabilities: [], maxConcurrency: 2, nodeId });
    expect(again.agent).toMatchObject({ id: agent.id, capabilities: [], maxConcurrency: 2, metadata: { a: 1 } });
    expect(again.agent.connection).toBe("connected");
  });

  test("another tenant's agents are not seen", async () => {
    const { agent } = await givenAgent(database, tenantId, { name: "mine" });
    const other = await givenTenant(database);
    expect(await agents.find(other, "mine")).toBeUndefined();
    expect(await agents.find(other, agent.id)).toBeUndefined();
    expect(await agents.setAdmin(other, agent.id, "revoked")).toBeUndefined();
    expect(await agents.list(other, {}, { limit: 10 })).toEqual([]);
  });

  test("a list goes by key, newest first, and filters by all capabilities and by availability", async () => {
    const tenant = await givenTenant(database);
    for (const name of ["a", "b", "c"]) {
      const capabilities = [{ name: "x", level: 1 }, ...(name === "b" ? [{ name: "y", level: 1 }] : [])];
      await givenAgent(database, tenant, { name, capabilities });
    }
    const all = await agents.list(tenant, {}, { limit: 10 });
    const first = await agents.list(tenant, {}, { limit: 2 });
    const last = first.at(-1);
    const after = last && { at: last.registeredAt, id: last.id };
    expect([...first, ...(await agents.list(tenant, {}, { limit: 2, after }))]).toEqual(all);
    expect(all.map(({ name }) => name).sort()).toEqual(["a", "b", "c"]);
    const named = await agents.list(tenant, { capabilities: ["y", "x"], availability: "available" }, { limit: 10 });
    expect(named.map(({ name }) => name)).toEqual(["b"]);
    expect(await agents.list(tenant, { availability: "busy" }, { limit: 10 })).toEqual([]);
  });

  test("offerable follows availability, admin and health", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { nodeId });
    const seen: (boolean | undefined)[] = [];
    const look = async (): Promise<unknown> => seen.push(await isOfferable(database, tenantId, agent.id));
    const touch = (health: "unreachable" | "healthy"): Promise<void> =>
      agents.touch([{ tenantId, agentId: agent.id, connectionId, health }]);
    await look();
    await agents.update(tenantId, agent.id, { availability: "busy" });
    await look();
    await touch("unreachable");
    await agents.update(tenantId, agent.id, { availability: "available" });
    await look();
    await touch("healthy");
    await look();
    expect(await agents.setAdmin(tenantId, agent.id, "paused")).toMatchObject({ admin: "paused" });
    await look();
    await touch("healthy");
    await look();
    await agents.setAdmin(tenantId, agent.id, "active");
    await look();
    expect(seen).toEqual([true, false, false, true, false, false, true]);
  });

  test("HELLO takes over, tells whom it replaced, and a late drop of that changes nothing", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { name: "taken", nodeId });
    const newer = { connectionId: newUuid<ConnectionId>(), nodeId: await givenNode(database) };
    expect(await agents.attach(tenantId, "taken", newer, undefined)).toMatchObject({
      agent: { id: agent.id, connection: "connected" },
      ackedSeq: 0,
      nextSeq: 1,
      replaced: { connectionId, nodeId },
    });
    const held = { tenantId, agentId: agent.id };
    await agents.detach([{ ...held, connectionId, unreachable: true }]);
    await agents.touch([{ ...held, connectionId, health: "degraded", ackedSeq: 0 }]);
    expect(await agents.find(tenantId, "taken")).toMatchObject({ connection: "connected", health: "healthy" });
    expect(await agents.connectionOf(tenantId, agent.id)).toEqual(newer);

    await agents.detach([{ ...held, connectionId: newer.connectionId, unreachable: true }]);
    expect(await agents.find(tenantId, "taken")).toMatchObject({ connection: "disconnected", health: "unreachable" });
    expect(await agents.connectionOf(tenantId, agent.id)).toBeUndefined();
    expect(await agents.attach(tenantId, "taken", newer, 0)).toMatchObject({ agent: { health: "healthy" } });
    expect(await isOfferable(database, tenantId, agent.id)).toBe(true);
    expect(await agents.attach(tenantId, "nobody", newer, undefined)).toBeUndefined();
  });

  test("an older connection can't register the agent away from a newer one", async () => {
    const older = { connectionId: "018f0000-0000-7000-8000-000000000001" as ConnectionId, nodeId };
    const newer = { connectionId: "018f0000-0000-7000-8000-000000000002" as ConnectionId, nodeId };
    const registration: AgentRegistration = { name: "raced", kind: "worker", capabilities: [], maxConcurrency: 1 };
    const register = (connection: typeof older): Promise<unknown> =>
      agents.register(tenantId, newUuid<AgentId>(), registration, { delivery: "push", connection });
    await register(older);
    await register(newer);
    await expect(register(older)).rejects.toMatchObject({ code: "conflict", reason: "replaced" });
  });

  test("acknowledging moves up only, empties the mailbox so far, and never past what was sent", async () => {
    const { agent, connectionId } = await givenAgent(database, tenantId, { name: "acks", nodeId });
    await giveMail(database, { tenantId, agentId: agent.id }, [1, 2, 3, 4]);
    const ack = (ackedSeq: number): Promise<void> =>
      agents.touch([
        { tenantId, agentId: agent.id, connectionId, ackedSeq },
        { tenantId, agentId: agent.id, connectionId, ackedSeq: 1 },
      ]);
    await ack(2);
    await ack(1);
    expect(await mailOf(database, { tenantId, agentId: agent.id })).toEqual([3, 4]);
    const connection = { connectionId, nodeId };
    expect(await agents.attach(tenantId, "acks", connection, 5)).toEqual({ ahead: true, nextSeq: 5 });
    expect(await agents.attach(tenantId, "acks", connection, 3)).toMatchObject({ ackedSeq: 3, nextSeq: 5 });
    expect(await mailOf(database, { tenantId, agentId: agent.id })).toEqual([4]);
    await ack(1_000);
    expect(await agents.attach(tenantId, "acks", connection, undefined)).toMatchObject({ ackedSeq: 4, nextSeq: 5 });
  });

  test("deregistering frees the name, drops the connection and forgets the pairs", async () => {
    const tenant = await givenTenant(database);
    const { agent } = await givenAgent(database, tenant, { name: "gone", nodeId });
    await givenTask(database, tenant);
    expect(await pairsOf(database, tenant)).toHaveLength(1);
    expect(await agents.deregister(tenant, agent.id)).toMatchObject({ id: agent.id, connection: "disconnected" });
    expect(await agents.deregister(tenant, agent.id)).toBeUndefined();
    expect(await agents.find(tenant, "gone")).toBeUndefined();
    expect(await pairsOf(database, tenant)).toEqual([]);
    const again = await givenAgent(database, tenant, { name: "gone" });
    expect(again.agent.id).not.toBe(agent.id);
  });

  test("pairs of lanes and agents follow every change of either", async () => {
    const tenant = await givenTenant(database);
    const { agent } = await givenAgent(database, tenant, { capabilities: [{ name: "other", level: 1 }] });
    const { laneId } = await givenTask(database, tenant);
    const pair = { laneId, agentId: agent.id };
    expect(await pairsOf(database, tenant)).toEqual([{ ...pair, misfit: "capability", levelGap: 0 }]);
    await agents.update(tenant, agent.id, { capabilities: [{ name: "work", level: 4 }] });
    expect(await pairsOf(database, tenant)).toEqual([{ ...pair, misfit: null, levelGap: 3 }]);
    const { agent: second } = await givenAgent(database, tenant, {});
    expect(await pairsOf(database, tenant)).toContainEqual({ laneId, agentId: second.id, misfit: null, levelGap: 0 });
  });

  test("sorts what a client holds", async () => {
    const { agent } = await givenAgent(database, tenantId, { nodeId });
    const open = await givenAssignment(database, await givenTask(database, tenantId), agent.id);
    const rejected = await givenAssignment(database, await givenTask(database, tenantId), agent.id);
    const expired = await givenAssignment(database, await givenTask(database, tenantId), agent.id);
    await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
      await tx.query(sql`
        update assignment set state = 'rejected', is_open = false where id = ${rejected.assignmentId}`);
      await tx.query(sql`
        update assignment set state = 'accept_expired', is_open = false where id = ${expired.assignmentId}`);
    });
    const ids = [open.assignmentId, rejected.assignmentId, expired.assignmentId, newUuid<string>(), "no id"];
    expect(await agents.sortHolding(tenantId, agent.id, ids)).toEqual({
      keep: [ids[0]],
      recorded: [ids[1]],
      drop: ids.slice(2),
    });
    expect(await agents.sortHolding(tenantId, newUuid<AgentId>(), ids)).toEqual({ keep: [], recorded: [], drop: ids });
  });

  test("a node that lapsed is told so, and takes back what nobody has taken", async () => {
    const nodes = nodeRepository(database);
    const node = newUuid<NodeId>();
    expect(await nodes.renew(node, 60_000)).toEqual({ lapsed: true, now: expect.any(Date) });
    expect(await nodes.renew(node, 60_000)).toEqual({ lapsed: false, now: expect.any(Date) });
    const kept = await givenAgent(database, tenantId, { name: "kept", nodeId: node });
    const moved = await givenAgent(database, tenantId, { name: "moved", nodeId: node });
    expect(await nodes.dropDead([])).toEqual({ nodes: [], agents: [] });
    await nodes.renew(node, -1);
    const dropped = await nodes.dropDead([]);
    expect(dropped.nodes).toEqual([node]);
    expect(new Set(dropped.agents.map(({ agentId }) => agentId))).toEqual(new Set([kept.agent.id, moved.agent.id]));
    expect(dropped.agents.map(({ nodeId }) => nodeId)).toEqual([node, node]);
    expect(await agents.find(tenantId, "kept")).toMatchObject({ connection: "disconnected" });
    await agents.attach(tenantId, "moved", { connectionId: newUuid<ConnectionId>(), nodeId }, undefined);
    expect(await nodes.renew(node, 60_000)).toEqual({ lapsed: true, now: expect.any(Date) });
    const mine = [kept, moved].map(({ agent, connectionId }) => ({ tenantId, agentId: agent.id, connectionId }));
    expect(await nodes.reattach(node, mine)).toEqual([kept.agent.id]);
    expect(await nodes.reattach(node, mine)).toEqual([kept.agent.id]);
    expect(await agents.find(tenantId, "kept")).toMatchObject({ connection: "connected" });
    await nodes.leave(node);
    expect(await agents.find(tenantId, "kept")).toMatchObject({ connection: "disconnected" });
    expect(await agents.find(tenantId, "moved")).toMatchObject({ connection: "connected" });
  });

  test("a suspected node is dropped once two thirds of its lease passed without a renewal, another one not", async () => {
    const nodes = nodeRepository(database);
    const [fresh, late, unsuspected, older] = [0, 1, 2, 3].map(() => newUuid<NodeId>()) as [
      NodeId,
      NodeId,
      NodeId,
      NodeId,
    ];
    for (const node of [fresh, late, unsuspected, older]) await nodes.renew(node, 60_000);
    const { agent } = await givenAgent(database, tenantId, { name: "on-late", nodeId: late });
    await database.query(sql`
      update node set lease_until = now() + interval '19 s', lease_ms = case when id <> ${older} then lease_ms end
      where id in (${late}, ${unsuspected}, ${older})`);
    expect((await nodes.survey()).alive).toEqual(expect.arrayContaining([fresh, late, unsuspected, older]));
    const dropped = await nodes.dropDead([fresh, late, older]);
    expect(dropped).toEqual({ nodes: [late], agents: [{ tenantId, agentId: agent.id, nodeId: late }] });
    expect(await nodes.renew(late, 60_000)).toEqual({ lapsed: true, now: expect.any(Date) });
    for (const node of [fresh, unsuspected, older])
      expect(await nodes.renew(node, 60_000)).toEqual({ lapsed: false, now: expect.any(Date) });
    for (const node of [fresh, late, unsuspected, older]) await nodes.leave(node);
  });

  test("a survey tells of leases that ended, and of connections of nodes that are none", async () => {
    const nodes = nodeRepository(database);
    await nodes.dropDead([]);
    const node = newUuid<NodeId>();
    await nodes.renew(node, 60_000);
    const { nextEndInMs, ...survey } = await nodes.survey();
    expect(survey).toMatchObject({ alive: expect.arrayContaining([node]), hasDead: false });
    expect(nextEndInMs).toBeGreaterThan(0);
    expect(nextEndInMs).toBeLessThanOrEqual(60_000);
    await nodes.renew(node, -1);
    const over = await nodes.survey();
    expect(over.hasDead).toBe(true);
    expect(over.alive).not.toContain(node);
    await nodes.dropDead([]);
    expect((await nodes.survey()).hasDead).toBe(false);
    const orphan = await givenAgent(database, tenantId, { name: "orphan", nodeId: node });
    expect((await nodes.survey()).hasDead).toBe(true);
    expect((await nodes.dropDead([])).agents.map(({ agentId }) => agentId)).toEqual([orphan.agent.id]);
  });
}

function describeRaces(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  test("agents and lanes that are made at the same time never miss each other", async () => {
    const tenantId = await givenTenant(database);
    const ledger = ledgerStore(database, () => newUuid());
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all(
      numbers.flatMap((number) => [
        givenAgent(database, tenantId, { name: `agent-${number}` }),
        ledger.transaction([tenantId], (tx) =>
          tx.ensureLanes([{ tenantId, requirements: toRequirements(`lane-${number}`, undefined) }]),
        ),
      ]),
    );
    expect(await pairsOf(database, tenantId)).toHaveLength(numbers.length ** 2);
  });

  test("touches, drops, changes and assignments of the same agents at the same time stand in nobody's way", async () => {
    const tenantId = await givenTenant(database);
    const nodeId = await givenNode(database);
    const agents = agentRepository(database);
    const given = await Promise.all(
      Array.from({ length: 8 }, () => givenAgent(database, tenantId, { nodeId, maxConcurrency: 100 })),
    );
    const held = given.map(({ agent, connectionId }) => ({ tenantId, agentId: agent.id, connectionId }));
    const rounds = Array.from({ length: 10 }, async (_, round) => {
      const order = round % 2 === 0 ? held : held.toReversed();
      await Promise.all([
        agents.touch(order.map((one) => ({ ...one, ackedSeq: 0, health: "healthy" as const }))),
        agents.touch(order.map((one) => ({ ...one, ackedSeq: 0 }))),
        ...held.map(({ agentId }) => agents.setAdmin(tenantId, agentId, "active")),
        givenTask(database, tenantId).then((task) => givenAssignment(database, task, order[0]?.agentId as AgentId)),
      ]);
    });
    await Promise.all(rounds);
    await Promise.all([
      agents.detach(held.map((one) => ({ ...one, unreachable: true }))),
      agents.detach(held.toReversed().map((one) => ({ ...one, unreachable: true }))),
    ]);
    const left = await agents.list(tenantId, {}, { limit: 20 });
    expect(left.map(({ connection, health }) => `${connection} ${health}`)).toEqual(
      held.map(() => "disconnected unreachable"),
    );
    expect(left.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(10);
  });
}

async function giveMail(
  database: Database,
  { tenantId, agentId }: { tenantId: TenantId; agentId: AgentId },
  seqs: readonly number[],
): Promise<void> {
  await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    for (const seq of seqs) {
      await tx.query(sql`
        insert into mailbox (tenant_id, agent_id, seq, type, payload) values (${tenantId}, ${agentId}, ${seq}, 1, '{}')`);
    }
    await tx.query(sql`update agent_slot set next_seq = next_seq + ${seqs.length} where agent_id = ${agentId}`);
  });
}

async function mailOf(
  database: Database,
  { tenantId, agentId }: { tenantId: TenantId; agentId: AgentId },
): Promise<readonly number[]> {
  const { rows } = await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
    tx.query<{ seq: number }>(sql`select seq from mailbox where agent_id = ${agentId} order by seq`),
  );
  return rows.map(({ seq }) => seq);
}
