import type { AgentId, AssignmentId, NewTask, NodeId, TakenSlot, TaskId, TenantId } from "@devmesh/models";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  givenAgent,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { deliveryRepository } from "../messages/delivery-repository.ts";
import { ledgerStore } from "./ledger-store.ts";

describeOnBoth(describeOffers);

/** What a task may have been submitted with. */
const givenFields: fc.Arbitrary<Partial<NewTask>> = fc.record(
  {
    title: fc.constant('a "title"'),
    ref: fc.constant("a-ref"),
    priority: fc.integer({ min: 0, max: 9 }),
    strategy: fc.constantFrom("round_robin", "least_loaded"),
    deadline: fc.date({ min: new Date("2100-01-01"), max: new Date("2200-01-01"), noInvalidDate: true }),
    notBefore: fc.date({ min: new Date("2000-01-01"), max: new Date("2001-01-01"), noInvalidDate: true }),
    labels: fc.constantFrom(["x"], ['y"z', "{,}"]),
    traceparent: fc.constant("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    budget: fc.constant({ costMicroUsd: 5 }),
    treeBudget: fc.constant({ tokens: 7, costMicroUsd: 9 }),
    input: fc.constantFrom(
      "null",
      "0",
      '{"__proto__": {"a": 1}, "text": "\\u0000\\ud800", "n": 9007199254740991}',
      "[]",
    ),
    outputSchema: fc.constantFrom("true", '{"type": "string"}'),
  },
  { requiredKeys: [] },
);

/** What earlier tries may have left behind. */
const leftovers = fc.record(
  {
    counted: fc.constant(sql`counted = 2, uncounted = 1, fence = 7`),
    error: fc.constant(sql`error = '{"class": "retryable", "message": "no"}'`),
    progress: fc.constant(sql`progress = '{"percent": 40, "note": "\\u0000"}'`),
    started: fc.constant(sql`started_at = now() - interval '1 hour'`),
    parent: fc.constant(sql`parent_id = '01990000-0000-7000-8000-000000000001'`),
  },
  { requiredKeys: [] },
);

function describeOffers(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let nodeId: NodeId;
  let agentId: AgentId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
    nodeId = await givenNode(database);
    agentId = (await givenAgent(database, tenantId, { nodeId, maxConcurrency: 1_000 })).agent.id;
  });
  afterAll(() => stack.disposeAsync());

  const run = (statement: Sql): Promise<unknown> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) => tx.query(statement));
  const take = (
    taskIds: readonly TaskId[],
    own: NodeId | undefined,
    toAgentId = agentId,
  ): Promise<readonly TakenSlot[]> =>
    ledgerStore(database, () => newUuid()).transaction([tenantId], async (tx) => {
      const picks = taskIds.map((taskId) => ({
        tenantId,
        taskId,
        agentId: toAgentId,
        assignmentId: newUuid<AssignmentId>(),
        strategy: "least_loaded" as const,
        why: { strategy: "least_loaded" as const, candidates: [], passedOver: {} },
      }));
      await tx.lockByTask(picks);
      return tx.take(picks, { acceptMs: 1_234, leaseMs: 30_000, nodeId: own });
    });
  /** The offer as a read for delivery gives it. */
  const offerRead = async ({ seq, assignmentId }: TakenSlot): Promise<unknown> => {
    const asked = [{ tenantId, agentId, afterSeq: seq - 1, resume: true }];
    const [frame] = await deliveryRepository(database).findFrames(asked, 1);
    if (frame?.kind !== "assign") throw new Error(`no assignment at ${seq}`);
    const { tenantId: _, agentId: __, seq: ___, kind, assignmentId: read, ...offer } = frame;
    expect(read).toBe(assignmentId);
    return { ...offer, ageMs: 0 };
  };

  test("an offer is what a read after the commit gives, whatever the task has and went through", async () => {
    await fc.assert(
      fc.asyncProperty(givenFields, leftovers, fc.boolean(), async (given, left, hasResult) => {
        const { id } = await givenTask(database, tenantId, given);
        for (const assignment of Object.values(left)) await run(sql`update task set ${assignment} where id = ${id}`);
        if (hasResult) {
          await run(sql`
            insert into task_result (tenant_id, task_id, assignment_id, output, artifacts, usage)
            values (${tenantId}, ${id}, ${newUuid<string>()}, '1', '[{"name": "a"}]', '{"costMicroUsd": 3}')`);
        }
        const [slot] = await take([id], nodeId);
        if (slot?.offer === undefined) throw new Error("no offer");
        const read = await offerRead(slot);
        expect(slot.offer).toStrictEqual(read);
        // the order of keys, and `__proto__` as an own one
        expect(JSON.stringify(slot.offer)).toBe(JSON.stringify(read));
        expect(slot.offer.task.assignedAgent?.id).toBe(agentId);
      }),
      { numRuns: 60 },
    );
  });

  test("comes in order of seq, without an offer where the task is large or was answered, or has dependencies", async () => {
    const done = await givenTask(database, tenantId, { state: "blocked" });
    const half = JSON.stringify("x".repeat(16_382));
    const small = await givenTask(database, tenantId, { input: half, outputSchema: half });
    const large = await givenTask(database, tenantId, { input: half, outputSchema: `${half} ` });
    const dependent = await givenTask(database, tenantId, { dependsOn: [done.id] });
    const answered = await givenTask(database, tenantId);
    await run(sql`update task set answer_count = 1 where id = ${answered.id}`);
    const taken = await take([large.id, small.id, dependent.id, answered.id], nodeId);
    expect(taken.map(({ taskId, offer }) => [taskId, offer !== undefined])).toEqual([
      [large.id, false],
      [small.id, true],
      [dependent.id, false],
      [answered.id, false],
    ]);
    const seqs = taken.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  test("comes with a small offer where another node holds the agent, and with none where no node does", async () => {
    const half = JSON.stringify("x".repeat(2_046));
    const small = await givenTask(database, tenantId, { input: half, outputSchema: half });
    const large = await givenTask(database, tenantId, { input: half, outputSchema: `${half} ` });
    const [first, second] = [
      await take([small.id, large.id], newUuid()),
      await take([(await givenTask(database, tenantId, { input: half })).id], undefined),
    ];
    expect([...first, ...second].map(({ nodeId: told, offer }) => [told, offer !== undefined])).toEqual([
      [nodeId, true],
      [nodeId, false],
      [nodeId, true],
    ]);
    const { agent } = await givenAgent(database, tenantId, { nodeId });
    await run(sql`update agent_slot set node_id = null where agent_id = ${agent.id}`);
    const unheld = await givenTask(database, tenantId);
    const [slot] = await take([unheld.id], nodeId, agent.id);
    expect(slot).toMatchObject({ taskId: unheld.id, nodeId: undefined });
    expect(slot).not.toHaveProperty("offer");
  });
}
