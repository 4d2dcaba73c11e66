import type { AgentId, NewTask, TaskId, TenantId } from "@devmesh/models";
import { toRequirements } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  givenAgent,
  givenAssignment,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import { agentRepository } from "../agents/agent-repository.ts";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { taskReads } from "../tasks/task-reads.ts";
import { deliveryRepository } from "./delivery-repository.ts";

describeOnBoth(describeDelivery);

function describeDelivery(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
  });
  afterAll(() => stack.disposeAsync());

  const run = (statement: Sql): Promise<unknown> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) => tx.query(statement));
  const connected = async (): Promise<AgentId> =>
    (await givenAgent(database, tenantId, { nodeId: await givenNode(database) })).agent.id;
  const cancel = (agentId: AgentId, seq: number, assignmentId: string): Promise<unknown> =>
    run(sql`
      with ended as (
        update assignment set is_open = false, state = 'cancelled' where id = ${assignmentId}
      ), moved as (
        update agent_slot set next_seq = greatest(next_seq, ${seq}::bigint + 1) where agent_id = ${agentId}
      )
      insert into mailbox (tenant_id, agent_id, seq, type, payload, assignment_id)
      values (${tenantId}, ${agentId}, ${seq}, 519, ${JSON.stringify({ reason: `${seq}` })}::json, ${assignmentId})`);
  const framesOf = async (
    agentId: AgentId,
    afterSeq: number,
    resume = false,
    limit = 64,
  ): Promise<readonly string[]> => {
    const asked = [{ tenantId, agentId, afterSeq, resume }];
    const frames = await deliveryRepository(database).findFrames(asked, limit);
    return frames.map(({ seq, kind }) => `${seq} ${kind}`);
  };

  test("a task goes out whole, with its input, its trace and what it depends on", async () => {
    const agentId = await connected();
    const first = await givenTask(database, tenantId, { ref: "first", state: "blocked" });
    const second = await givenTask(database, tenantId, { state: "blocked" });
    for (const [{ id }, output] of [
      [first, '{"a":1}'],
      [second, "null"],
    ] as const) {
      await run(sql`
        insert into task_result (tenant_id, task_id, assignment_id, output)
        values (${tenantId}, ${id}, ${newUuid<string>()}, ${output}::json)`);
    }
    const task = await givenTask(database, tenantId, {
      input: '{"__proto__": 1, "text": "\\u0000"}',
      title: "a title",
      outputSchema: "true",
      labels: ["x", 'y"z'],
      dependsOn: [second.id, first.id],
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    const { assignmentId, seq } = await givenAssignment(database, task, agentId);
    const asked = [{ tenantId, agentId, afterSeq: 0, resume: true }];
    const [frame] = await deliveryRepository(database).findFrames(asked, 10);
    expect(frame).toEqual({
      tenantId,
      agentId,
      seq,
      kind: "assign",
      assignmentId,
      fence: 1,
      leaseMs: 30_000,
      acceptMs: 10_000,
      ageMs: expect.any(Number),
      traceparent: task.traceparent,
      task: {
        id: task.id,
        type: "work",
        title: "a title",
        state: "assigned",
        input: JSON.parse('{"__proto__": 1, "text": "\\u0000"}'),
        requirements: { capabilities: ["work"], minLevel: 1, tags: {} },
        strategy: "capability_match",
        priority: 5,
        maxAttempts: 3,
        timeoutMs: 60_000,
        dependsOn: [second.id, first.id],
        dependencies: [
          { id: second.id, output: null },
          { id: first.id, ref: "first", output: { a: 1 } },
        ],
        outputSchema: true,
        labels: ["x", 'y"z'],
        attempt: 1,
        assignedAgent: { id: agentId, name: expect.any(String) },
        assignment: { id: assignmentId, fence: 1, strategy: "capability_match" },
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    });
  });

  test("what tasks depend on is read up to a bound; a task beyond it waits for the next read, unless it never fits", async () => {
    // agents are read in the order of their ids
    const [agentId, otherId] = [await connected(), await connected()].toSorted() as [AgentId, AgentId];
    const given = async (agent: AgentId, bytes: number): Promise<void> => {
      const parts = [await givenTask(database, tenantId), await givenTask(database, tenantId)];
      for (const { id } of parts) {
        await run(sql`
          insert into task_result (tenant_id, task_id, assignment_id, output)
          values (${tenantId}, ${id}, ${newUuid<string>()}, ${JSON.stringify("x".repeat(bytes / 2 - 2))}::json)`);
      }
      const task = await givenTask(database, tenantId, { dependsOn: parts.map(({ id }) => id) });
      await givenAssignment(database, task, agent);
    };
    for (const bytes of [60, 102, 60, 60]) await given(agentId, bytes);
    await givenAssignment(database, await givenTask(database, tenantId), agentId);
    await given(otherId, 60);
    const findFrames = async (afterSeq: number): Promise<readonly string[]> => {
      const asked = [agentId, otherId].map((agent) => ({ tenantId, agentId: agent, afterSeq, resume: true }));
      const found = await deliveryRepository(database).findFrames(asked, 64, { ofTask: 100, together: 130 });
      return found.map((frame) => {
        const name = `${frame.agentId === agentId ? "" : "other "}${frame.seq}`;
        if (frame.kind !== "assign") return `${name} ${frame.kind}`;
        const bytes = (frame.task.dependencies ?? []).map(({ output }) => JSON.stringify(output).length);
        return `${name} ${frame.isTooLarge === true ? "too large" : bytes.join()}`;
      });
    };
    expect(await findFrames(0)).toEqual(["1 30,30", "2 too large", "3 30,30", "4 later", "other 1 later"]);
    expect(await findFrames(3)).toEqual(["4 30,30", "5 "]);
  });

  test("an agent's inputs and messages are read up to a MiB, and where they are cut is told", async () => {
    const agentId = await connected();
    const input = JSON.stringify("x".repeat(600_000));
    for (const given of [input, undefined, input, input]) {
      await givenAssignment(database, await givenTask(database, tenantId, { input: given }), agentId);
    }
    await givenAssignment(database, await givenTask(database, tenantId), agentId);
    expect(await framesOf(agentId, 0)).toEqual(["1 assign", "2 assign", "3 assign", "4 later"]);
    expect(await framesOf(agentId, 3)).toEqual(["4 assign", "5 assign"]);
  });

  test("a task goes out with the time since its assignment was made, of which none is negative", async () => {
    const agentId = await connected();
    await givenAssignment(database, await givenTask(database, tenantId), agentId);
    const ageAfter = async (ms: number): Promise<unknown> => {
      await run(sql`
        update assignment set created_at = created_at - ${ms} * interval '1 millisecond',
          accept_until = accept_until - ${ms} * interval '1 millisecond'
        where agent_id = ${agentId}`);
      const asked = [{ tenantId, agentId, afterSeq: 0, resume: true }];
      const [frame] = await deliveryRepository(database).findFrames(asked, 10);
      return frame?.kind === "assign" ? frame.ageMs : undefined;
    };
    const made = await ageAfter(3_600_000);
    expect(made).toBeGreaterThanOrEqual(3_600_000);
    expect(made).toBeLessThan(7_200_000);
    expect(await ageAfter(-7_200_000)).toBe(0);
  });

  test("frames come in order of seq, from the asked one on, at most so many an agent", async () => {
    const [agentId, otherId] = [await connected(), await connected()];
    const tasks: NewTask[] = [];
    for (let number = 0; number < 3; number++) tasks.push(await givenTask(database, tenantId));
    const [a, b, c] = tasks as [NewTask, NewTask, NewTask];
    const first = await givenAssignment(database, a, agentId);
    await cancel(agentId, 2, first.assignmentId);
    await givenAssignment(database, b, agentId);
    await givenAssignment(database, c, otherId);
    expect(await framesOf(agentId, 0)).toEqual(["2 mail", "3 assign"]);
    expect(await framesOf(agentId, 0, false, 1)).toEqual(["2 mail"]);
    expect(await framesOf(agentId, 2)).toEqual(["3 assign"]);
    expect(await framesOf(agentId, 3)).toEqual([]);
    const asked = [agentId, otherId].map((id) => ({ tenantId, agentId: id, afterSeq: 0, resume: false }));
    expect(await deliveryRepository(database).findFrames(asked, 10)).toHaveLength(3);
    expect(await deliveryRepository(database).findFrames([], 10)).toEqual([]);
  });

  test("on resume a TASK_CANCEL is left out if its TASK_ASSIGN was not acknowledged either", async () => {
    const agentId = await connected();
    const one = await givenAssignment(database, await givenTask(database, tenantId), agentId);
    const two = await givenAssignment(database, await givenTask(database, tenantId), agentId);
    await cancel(agentId, 3, one.assignmentId);
    await cancel(agentId, 4, two.assignmentId);
    expect(await framesOf(agentId, 1, true)).toEqual(["3 mail"]);
    expect(await framesOf(agentId, 1, false)).toEqual(["3 mail", "4 mail"]);
    expect(await framesOf(agentId, 0, true)).toEqual([]);
  });

  test("what expired, and other tenants' frames, stay", async () => {
    const agentId = await connected();
    const { assignmentId } = await givenAssignment(database, await givenTask(database, tenantId), agentId);
    await cancel(agentId, 2, assignmentId);
    const asked = [{ tenantId: await givenTenant(database), agentId, afterSeq: 0, resume: false }];
    expect(await deliveryRepository(database).findFrames(asked, 10)).toEqual([]);
    await run(sql`update mailbox set expires_at = now() - interval '1 second' where agent_id = ${agentId}`);
    expect(await framesOf(agentId, 0)).toEqual([]);
  });

  test("reads give tasks in the order asked, with and without what is heavy", async () => {
    const reads = taskReads(database);
    const a = await givenTask(database, tenantId, { input: "null" });
    const b = await givenTask(database, tenantId, { title: "b" });
    const agentId = await connected();
    await givenAssignment(database, a, agentId);
    const ids = [b.id, newUuid<TaskId>(), a.id];
    const whole = await reads.get(tenantId, ids, "whole");
    expect(whole.map(({ id }) => id)).toEqual([b.id, a.id]);
    expect(whole[0]).not.toHaveProperty("input");
    expect(whole[1]).toMatchObject({ input: null, assignment: { fence: 1, why: { candidates: [] } } });
    expect(whole[1]).not.toHaveProperty("output");
    const listed = await reads.get(tenantId, ids, "listed");
    expect(listed[1]).not.toHaveProperty("input");
    expect(listed[1]?.assignment).not.toHaveProperty("why");
    expect(await reads.get(await givenTenant(database), ids, "whole")).toEqual([]);
    expect(await reads.states([{ tenantId, taskId: a.id }])).toEqual(
      new Map([[a.id, { state: "assigned", eventSeq: 3 }]]),
    );
    const events = await reads.events(tenantId, a.id, 1, 10);
    expect(events.map(({ seq, type }) => `${seq} ${type}`)).toEqual(["2 task.queued", "3 task.assigned"]);
  });

  test("a list is filtered by each field, newest first, page by page", async () => {
    const reads = taskReads(database);
    const tenant = await givenTenant(database);
    const { agent } = await givenAgent(database, tenant, { name: "lister", nodeId: await givenNode(database) });
    const parent = await givenTask(database, tenant, { labels: ["a", "b"] });
    const child = await givenTask(database, tenant, { parentId: parent.id, type: "other" });
    const done = await givenTask(database, tenant, { state: "failed", error: '{"class":"x","message":"y"}' });
    await givenAssignment(database, parent, agent.id);
    const list = async (filter: Parameters<typeof reads.list>[1], limit = 10): Promise<readonly TaskId[]> =>
      (await reads.list(tenant, filter, { limit })).map(({ id }) => id);
    const all = await reads.list(tenant, {}, { limit: 10 });
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set([parent.id, child.id, done.id]));
    expect(all.map(({ createdAt }) => createdAt)).toEqual(
      all
        .map(({ createdAt }) => createdAt)
        .sort()
        .toReversed(),
    );
    expect(await list({ state: "queued" })).toEqual([child.id]);
    expect(await list({ state: "failed" })).toEqual([done.id]);
    expect(await list({ type: "other" })).toEqual([child.id]);
    expect(await list({ label: "b" })).toEqual([parent.id]);
    expect(await list({ parent: parent.id })).toEqual([child.id]);
    expect(await list({ agent: "lister" })).toEqual([parent.id]);
    expect(await list({ agent: agent.id, state: "assigned" })).toEqual([parent.id]);
    expect(await list({ createdAfter: "2999-01-01T00:00:00.000Z" })).toEqual([]);
    for (const filter of [{}, { state: "queued" } as const]) {
      const whole = await reads.list(tenant, filter, { limit: 10 });
      const [first] = await reads.list(tenant, filter, { limit: 1 });
      const after = { at: first?.createdAt ?? "", id: first?.id ?? "" };
      expect([first, ...(await reads.list(tenant, filter, { limit: 10, after }))]).toEqual(whole);
    }
  });

  test("a standing counts each agent under what keeps it away", async () => {
    const tenant = await givenTenant(database);
    const nodeId = await givenNode(database);
    const agents = agentRepository(database);
    const task = await givenTask(database, tenant, {
      requirements: { ...toRequirements("work", { minLevel: 2 }), excludedAgentIds: [] },
    });
    const capable = { capabilities: [{ name: "work", level: 2 }], maxConcurrency: 1 };
    await givenAgent(database, tenant, { capabilities: [] });
    await givenAgent(database, tenant, {});
    await givenAgent(database, tenant, capable);
    const { agent: paused } = await givenAgent(database, tenant, { ...capable, nodeId });
    await agents.setAdmin(tenant, paused.id, "paused");
    const { agent: busy } = await givenAgent(database, tenant, { ...capable, nodeId });
    await agents.update(tenant, busy.id, { availability: "draining" });
    const lost = await givenAgent(database, tenant, { ...capable, nodeId });
    await agents.touch([
      { tenantId: tenant, agentId: lost.agent.id, connectionId: lost.connectionId, health: "unreachable" },
    ]);
    const claiming = { name: "claiming", kind: "worker", ...capable } as const;
    await agents.register(tenant, newUuid(), claiming, { delivery: "pull", presenceMs: 60_000 });
    const standings = await taskReads(database).laneStandings(tenant, [task.id]);
    expect(standings.get(task.id)).toEqual({
      requirements: task.requirements,
      agents: 7,
      unclaimed: 1,
      byReason: { capability: 1, level: 1, disconnected: 1, paused: 1, busy: 1, unreachable: 1 },
    });
    const lonely = await givenTenant(database);
    const { id } = await givenTask(database, lonely);
    expect((await taskReads(database).laneStandings(lonely, [id])).get(id)).toMatchObject({ agents: 0, byReason: {} });
  });
}
