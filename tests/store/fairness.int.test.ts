import { randomUUID } from "node:crypto";
import type { AgentId, ApiKeyId, AssignmentScope, TaskId, TenantId } from "@devmesh/models";
import { type Database, ledgerStore, outboxRepository, sql } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { createTaskEngine, openOutputSchemas } from "@devmesh/tasks";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { openMesh } from "../kit/mesh.ts";

async function read<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}

const waiting = async (database: Database, tenantId: TenantId): Promise<number> =>
  (
    await read<{ n: number }>(
      database,
      sql`select count(*)::int as n from task where tenant_id = ${tenantId} and queue_rank is not null`,
    )
  )[0]?.n ?? 0;

/** One engine for all tenants, as a service has it, that counts its rounds of assignment. */
function openEngine(database: Database, stack: AsyncDisposableStack) {
  const newId = createUuidV7();
  const store = ledgerStore(database, newId);
  const rounds: AssignmentScope[] = [];
  const assignedIn = new Map<TaskId, number>();
  const engine = stack.use(
    createTaskEngine({
      store: {
        ...store,
        findCandidates: (scope, limit) => {
          rounds.push(scope);
          return store.findCandidates(scope, limit);
        },
      },
      hints: {
        assigned: (taken) => {
          for (const { taskId } of taken) assignedIn.set(taskId, rounds.length);
        },
        mailed: () => undefined,
        changed: () => undefined,
        due: () => undefined,
        claimable: () => undefined,
      },
      outputSchemas: stack.use(openOutputSchemas({ timeoutMs: 20_000, maxWaiting: 100 })),
      newId,
      random: Math.random,
      now: Date.now,
      leaseMs: 60_000,
      acceptMs: 60_000,
      onError: (error) => {
        throw error;
      },
    }),
  );
  return { engine, rounds, assignedIn };
}

describeEachDriver("a tenant's backlog", (database) => {
  test("of 20,000 tasks in 100 lanes delays another's single task by two rounds at most", {
    timeout: 120_000,
  }, async () => {
    await using many = await openMesh(database());
    await using one = await openMesh(database());
    await using stack = new AsyncDisposableStack();
    const { engine, rounds, assignedIn } = openEngine(database(), stack);
    const contextOf = (tenantId: TenantId) => ({ tenantId, principalId: randomUUID() as string as ApiKeyId });
    const tasks = Array.from({ length: 500 }, (_, n) => ({
      type: "work",
      requirements: { tags: { lane: String(n % 100) } },
    }));
    for (let batch = 0; batch < 40; batch += 1) await engine.submitBatch(contextOf(many.tenantId), tasks);
    const agents: AgentId[] = [];
    for (let n = 0; n < 100; n += 1) {
      const capabilities = [{ name: "work", tags: { lane: String(n) } }];
      agents.push(await many.addAgent(`a${n}`, { maxConcurrency: 10, capabilities }));
    }
    await one.addAgent("b");
    // all of the first tenant's agents are looked at, and its lanes, when the other's task comes
    engine.requestAssignment({ lanes: [], agents: agents.map((agentId) => ({ tenantId: many.tenantId, agentId })) });
    const { task } = await engine.submit(contextOf(one.tenantId), { type: "work" });
    const before = rounds.length;
    await waitFor(async () => assignedIn.has(task.id), { what: "the other tenant's task" });
    expect((assignedIn.get(task.id) ?? Number.POSITIVE_INFINITY) - before).toBeLessThanOrEqual(2);
    expect(await waiting(database(), many.tenantId)).toBeGreaterThan(10_000);

    // nor does its message wait for long behind more than 40,000 events of the first one, each round being one short statement
    const own = await one.submit({ type: "elsewhere" });
    const outbox = outboxRepository(database());
    let roundsOfRelay = 0;
    await waitFor(
      async () => {
        const { events, toDispatch } = await outbox.relay(5_000);
        // where it reads nothing it waits for a transaction that is open, in whatever database of the server
        if (events > 0) roundsOfRelay += 1;
        return toDispatch.some(({ taskId }) => taskId === own);
      },
      { timeoutMs: 60_000, what: "the message about the other tenant's task" },
    );
    expect(roundsOfRelay).toBeLessThanOrEqual(20);
  });
});

describeEachDriver("priority", (database) => {
  test("ages: a task of priority 0 that has waited for ten minutes comes before new ones of priority 9", async () => {
    await using mesh = await openMesh(database());
    const old = await mesh.submit({ type: "work", priority: 0 });
    const young = await mesh.submit({ type: "work", priority: 0 });
    // rank is the time of queueing, less a minute for each priority
    const minutes = (n: number) => n * 60_000;
    await read(
      database(),
      sql`update task set rank = rank - ${minutes(10)}, queue_rank = rank - ${minutes(10)} where id = ${old}`,
    );
    await read(
      database(),
      sql`update task set rank = rank - ${minutes(8)}, queue_rank = rank - ${minutes(8)} where id = ${young}`,
    );
    const urgent = [];
    for (let n = 0; n < 5; n += 1) urgent.push(await mesh.submit({ type: "work", priority: 9 }));
    await mesh.addAgent("a");
    const order: TaskId[] = [];
    for (let n = 0; n < 7; n += 1) {
      const all = [old, young, ...urgent].filter((id) => !order.includes(id));
      const held = async () => {
        const states = await Promise.all(all.map(async (id) => ({ id, state: (await mesh.row(id)).state })));
        return states.find(({ state }) => state === "assigned")?.id;
      };
      await waitFor(async () => (await held()) !== undefined, { what: "the next task" });
      const offer = await mesh.offerOf((await held()) as TaskId);
      await mesh.say(offer, { kind: "accept" });
      await mesh.say(offer, { kind: "complete", output: "1", artifacts: undefined, usage: undefined });
      order.push(offer.taskId);
    }
    expect(order).toEqual([old, ...urgent, young]);
  });
});
