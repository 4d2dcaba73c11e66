import { randomUUID } from "node:crypto";
import type { AgentId, BudgetId, TaskId, TenantId } from "@devmesh/models";
import { budgetRepository, type Database, type StandingBudget, sql, taskReads } from "@devmesh/repositories";
import { explainUnassigned } from "@devmesh/tasks";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

const complete = (usage: Record<string, unknown> | undefined) =>
  ({
    kind: "complete",
    output: "1",
    artifacts: undefined,
    usage: usage === undefined ? undefined : JSON.stringify(usage),
  }) as const;
const costing = (costMicroUsd: number) => [{ name: "work", costMicroUsd }];

async function read<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}

async function addBudget(
  database: Database,
  { tenantId }: Mesh,
  { agentId, ...budget }: Partial<StandingBudget> & Pick<StandingBudget, "cap">,
): Promise<BudgetId> {
  const id = randomUUID() as string as BudgetId;
  const scope = agentId === undefined ? "tenant" : "agent";
  await budgetRepository(database).create(tenantId, {
    id,
    budget: { scope, agentId, unit: "micro_usd", period: "total", ...budget },
    max: 1_000,
  });
  return id;
}

/** Spent and reserved. */
async function figures(database: Database, id: BudgetId): Promise<readonly [number, number]> {
  const [row] = await read<{ tenantId: TenantId }>(
    database,
    sql`select tenant_id as "tenantId" from budget where id = ${id}`,
  );
  const budget = row && (await budgetRepository(database).find(row.tenantId, id));
  if (budget === undefined) throw new Error(`no budget ${id}`);
  return [budget.spent, budget.reserved];
}

async function finish(mesh: Mesh, offer: Offer, usage?: Record<string, unknown>): Promise<void> {
  await mesh.say(offer, { kind: "accept" });
  expect(await mesh.say(offer, complete(usage))).toMatchObject({ taskState: "completed" });
}

/** Waits until so many of the tasks are assigned, and sweeps once more to see that no further one follows. */
async function assigned(mesh: Mesh, ids: readonly TaskId[], count: number): Promise<readonly TaskId[]> {
  const now = async (): Promise<readonly TaskId[]> => {
    const rows = await Promise.all(ids.map(async (id) => ({ id, state: (await mesh.row(id)).state })));
    return rows.filter(({ state }) => state === "assigned" || state === "running").map(({ id }) => id);
  };
  await waitFor(async () => (await now()).length === count, { what: `${count} assigned tasks` });
  await mesh.engine.sweep();
  expect(await now()).toHaveLength(count);
  return now();
}

/** Nothing sweeps: the request, or the end of another task, is what brings it. */
async function assignedAtOnce(mesh: Mesh, taskId: TaskId): Promise<void> {
  const state = async () => (await mesh.row(taskId)).state;
  await waitFor(async () => (await state()) === "assigned", { what: "the task to be assigned" });
}

async function waitsForBudget(database: Database, mesh: Mesh, taskId: TaskId): Promise<void> {
  const reason = async () => (await whyQueued(database, mesh, taskId))?.reason;
  await waitFor(async () => (await reason()) === "budget", { what: "the task to wait for a budget" });
}

async function whyQueued(database: Database, { tenantId }: Mesh, taskId: TaskId) {
  const standing = (await taskReads(database).laneStandings(tenantId, [taskId])).get(taskId);
  return standing && explainUnassigned(standing);
}

describeEachDriver("a budget", (database) => {
  test("is reserved at assignment and settled by usage; what does not fit waits and says why", async () => {
    await using mesh = await openMesh(database());
    const budget = await addBudget(database(), mesh, { cap: 100 });
    await mesh.addAgent("a", { maxConcurrency: 10, capabilities: costing(40) });
    const tasks = [];
    for (let n = 0; n < 3; n++) tasks.push(await mesh.submit({ type: "work" }));
    const held = await assigned(mesh, tasks, 2);
    expect(await figures(database(), budget)).toEqual([0, 80]);
    const third = tasks.find((id) => !held.includes(id)) as TaskId;
    await waitsForBudget(database(), mesh, third);
    expect(await whyQueued(database(), mesh, third)).toEqual({
      reason: "budget",
      message: "it does not fit the budget of the tenant: 0 micro-dollars spent and 80 reserved of 100",
    });
    await finish(mesh, await mesh.offerOf(held[0] as TaskId), { costMicroUsd: 10 });
    expect((await mesh.offerOf(third)).taskId).toBe(third);
    expect(await figures(database(), budget)).toEqual([10, 80]);
    await finish(mesh, await mesh.offerOf(held[1] as TaskId));
    await finish(mesh, await mesh.offerOf(third), { costMicroUsd: 95 });
    // what was spent is known only afterwards: it may pass the cap by what was in flight
    expect(await figures(database(), budget)).toEqual([105, 0]);
    const fourth = await mesh.submit({ type: "work" });
    await waitsForBudget(database(), mesh, fourth);
    await budgetRepository(database()).update(mesh.tenantId, budget, 1_000);
    mesh.engine.requestAssignment({ lanes: [], agents: [], budgets: [{ tenantId: mesh.tenantId, budgetId: budget }] });
    await assignedAtOnce(mesh, fourth);
  });

  test("that was spent lets go of other lanes and other agents as soon as it is not any more", async () => {
    await using mesh = await openMesh(database());
    await addBudget(database(), mesh, { cap: 100 });
    await mesh.addAgent("a", { capabilities: [{ name: "work", costMicroUsd: 100 }] });
    const first = await mesh.offerOf(await mesh.submit({ type: "work" }));
    await mesh.addAgent("b", { capabilities: [{ name: "other", costMicroUsd: 10 }] });
    const other = await mesh.submit({ type: "other" });
    await waitsForBudget(database(), mesh, other);
    await finish(mesh, first, { costMicroUsd: 20 });
    await assignedAtOnce(mesh, other);
  });

  test("too small for one task lets those behind it through", async () => {
    await using mesh = await openMesh(database());
    const budget = await addBudget(database(), mesh, { cap: 100 });
    await mesh.addAgent("a", { maxConcurrency: 10 });
    const big = await mesh.submit({ type: "work", priority: 9, budget: { costMicroUsd: 200 } });
    const small = await mesh.submit({ type: "work", priority: 0, budget: { costMicroUsd: 60 } });
    await assigned(mesh, [big, small], 1);
    expect(await mesh.row(big)).toMatchObject({ state: "queued" });
    expect(await figures(database(), budget)).toEqual([0, 60]);
    await budgetRepository(database()).delete(mesh.tenantId, budget);
    await mesh.engine.sweep();
    await mesh.offerOf(big);
  });

  test("of a task counts its failed tries, and holds the next one back when it is spent", async () => {
    await using mesh = await openMesh(database(), { random: () => 0 });
    await mesh.addAgent("a", { capabilities: costing(7) });
    const taskId = await mesh.submit({ type: "work", budget: { costMicroUsd: 100, tokens: 1_000 } });
    const own = await read<{ id: BudgetId; unit: string; cap: number }>(
      database(),
      sql`select id, unit, cap from budget where subject_id = ${taskId} order by unit`,
    );
    expect(own).toMatchObject([
      { unit: "micro_usd", cap: 100 },
      { unit: "tokens", cap: 1_000 },
    ]);
    const [money, tokens] = own.map(({ id }) => id) as [BudgetId, BudgetId];
    const tryOnce = async (usage: Record<string, number>) => {
      const offer = await mesh.offerOf(taskId);
      await mesh.say(offer, { kind: "accept" });
      await mesh.say(offer, {
        kind: "fail",
        class: "retryable",
        message: "no luck",
        usage: JSON.stringify(usage),
      });
      await mesh.backdate(taskId, 1);
    };
    await tryOnce({ costMicroUsd: 30, inputTokens: 100, outputTokens: 50 });
    expect(await figures(database(), money)).toEqual([30, 0]);
    expect(await figures(database(), tokens)).toEqual([150, 0]);
    await mesh.offerOf(taskId);
    expect(await figures(database(), money)).toEqual([30, 70]);
    expect(await figures(database(), tokens)).toEqual([150, 850]);
    await tryOnce({ costMicroUsd: 70, inputTokens: 1 });
    await mesh.engine.sweep();
    await waitsForBudget(database(), mesh, taskId);
    expect(await whyQueued(database(), mesh, taskId)).toEqual({
      reason: "budget",
      message: "it does not fit the budget of the task: 100 micro-dollars spent and 0 reserved of 100",
    });
    await budgetRepository(database()).update(mesh.tenantId, money, 101);
    await mesh.engine.sweep();
    await mesh.offerOf(taskId);
  });

  test("of a tree is shared by the task and all that is delegated from it", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a", { maxConcurrency: 5, capabilities: costing(40) });
    const root = await mesh.offerOf(await mesh.submit({ type: "work", treeBudget: { costMicroUsd: 100 } }));
    const [tree] = await read<{ id: BudgetId }>(
      database(),
      sql`select id from budget where subject_id = ${root.taskId} and scope = 'tree'`,
    );
    const budget = tree?.id as BudgetId;
    await mesh.say(root, { kind: "accept" });
    const delegate = async (parent: Offer) => {
      const context = { ...mesh.context, delegation: { ...parent, yieldSlot: false } };
      return (await mesh.engine.submit(context, { type: "work" })).task.id;
    };
    const child = await mesh.offerOf(await delegate(root));
    await mesh.say(child, { kind: "accept" });
    expect(await figures(database(), budget)).toEqual([0, 80]);
    const grandchild = await delegate(child);
    await waitsForBudget(database(), mesh, grandchild);
    expect(await whyQueued(database(), mesh, grandchild)).toMatchObject({
      message:
        "it does not fit the budget of the tree of tasks that it belongs to: 0 micro-dollars spent and 80 reserved of 100",
    });
    await mesh.say(child, complete({ costMicroUsd: 15 }));
    expect((await mesh.offerOf(grandchild)).taskId).toBe(grandchild);
    expect(await figures(database(), budget)).toEqual([15, 80]);
    // what is no part of the tree is not capped by it
    await mesh.offerOf(await mesh.submit({ type: "work" }));
    expect(await figures(database(), budget)).toEqual([15, 80]);
  });

  test("releases what it reserved when a lease is lost, and spends nothing", async () => {
    await using mesh = await openMesh(database());
    const budget = await addBudget(database(), mesh, { cap: 50 });
    await mesh.addAgent("a", { capabilities: costing(40) });
    const taskId = await mesh.submit({ type: "work" });
    const offer = await mesh.offerOf(taskId);
    await mesh.say(offer, { kind: "accept" });
    expect(await figures(database(), budget)).toEqual([0, 40]);
    await mesh.backdate(taskId, 30_000);
    await mesh.engine.sweep();
    expect(await mesh.offerOf(taskId)).toMatchObject({ fence: 2 });
    expect(await figures(database(), budget)).toEqual([0, 40]);
  });

  test("of an agent leaves its work to another", async () => {
    await using mesh = await openMesh(database());
    const dear = await mesh.addAgent("dear", { maxConcurrency: 5, capabilities: costing(10) });
    await addBudget(database(), mesh, { cap: 25, agentId: dear });
    const tasks = await Promise.all([1, 2, 3, 4].map(() => mesh.submit({ type: "work" })));
    await assigned(mesh, tasks, 2);
    const waiting = (await Promise.all(tasks.map(async (id) => ({ id, ...(await mesh.row(id)) })))).find(
      ({ state }) => state === "queued",
    );
    await waitsForBudget(database(), mesh, waiting?.id as TaskId);
    expect(await whyQueued(database(), mesh, waiting?.id as TaskId)).toEqual({
      reason: "budget",
      message: "each of the 1 fitting agents has no budget left for it",
    });
    await mesh.addAgent("cheap", { maxConcurrency: 5, capabilities: costing(1) });
    await assigned(mesh, tasks, 4);
    const agents = await Promise.all(tasks.map(async (id) => (await mesh.offerOf(id)).agentId));
    expect(agents.filter((id: AgentId) => id === dear)).toHaveLength(2);
  });

  test("of a day begins anew with the day", async () => {
    await using mesh = await openMesh(database());
    const budget = await addBudget(database(), mesh, { cap: 50, period: "day" });
    await mesh.addAgent("a", { maxConcurrency: 5, capabilities: costing(40) });
    const first = await mesh.submit({ type: "work" });
    await finish(mesh, await mesh.offerOf(first), { costMicroUsd: 30 });
    const second = await mesh.submit({ type: "work" });
    await waitsForBudget(database(), mesh, second);
    await read(database(), sql`update budget set window_start = window_start - interval '1 day' where id = ${budget}`);
    await mesh.engine.sweep();
    await mesh.offerOf(second);
    expect(await figures(database(), budget)).toEqual([0, 40]);
  });

  test("has its usage counted by day, agent, type and model, whatever an agent calls its model", async () => {
    await using mesh = await openMesh(database(), { random: () => 0 });
    const agentId = await mesh.addAgent("a", { maxConcurrency: 5 });
    const usages = [
      { inputTokens: 5, outputTokens: 7, costMicroUsd: 11, model: "m" },
      { inputTokens: 1, model: "m" },
      { costMicroUsd: 2, model: "odd\u0000\ud800name" },
      { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER, model: "m" },
    ];
    for (const usage of usages) await finish(mesh, await mesh.offerOf(await mesh.submit({ type: "work" })), usage);
    await finish(mesh, await mesh.offerOf(await mesh.submit({ type: "work" })));
    const failed = await mesh.offerOf(await mesh.submit({ type: "work" }));
    await mesh.say(failed, { kind: "accept" });
    await mesh.say(failed, {
      kind: "fail",
      class: "retryable",
      message: "no",
      usage: '{"model":"m","costMicroUsd":1}',
    });
    const rows = await read(
      database(),
      sql`select agent_id as "agentId", type, model, tasks, attempts, input_tokens as input, cost_micro_usd as cost
        from usage_daily where tenant_id = ${mesh.tenantId} order by model`,
    );
    const shared = { agentId, type: "work" };
    expect(rows).toEqual([
      { ...shared, model: "m", tasks: 3, attempts: 4, input: Number.MAX_SAFE_INTEGER, cost: 12 },
      { ...shared, model: "odd\ufffd\ufffdname", tasks: 1, attempts: 1, input: 0, cost: 2 },
    ]);
  });
});

describeEachDriver("budgets under three engines at once", (database) => {
  test("add up, and are passed by nothing but what was in flight", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    await using second = await openMesh(database(), { tenantId });
    await using third = await openMesh(database(), { tenantId });
    const meshes = [mesh, second, third];
    const budget = await addBudget(database(), mesh, { cap: 200 });
    await Promise.all(
      ["a", "b", "c"].map((name) => mesh.addAgent(name, { maxConcurrency: 4, capabilities: costing(10) })),
    );
    const tasks = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (meshes[n % 3] as Mesh).submit({ type: "work", priority: n % 10 })),
    );
    let exceeded = 0;
    for (let round = 0; round < 1_000; round++) {
      const open = await read<Offer>(
        database(),
        sql`select task_id as "taskId", id as "assignmentId", agent_id as "agentId", fence
          from assignment where tenant_id = ${tenantId} and is_open`,
      );
      const [spent, reserved] = await figures(database(), budget);
      if (spent + reserved > 200) exceeded++;
      if (open.length === 0 && spent === 200) break;
      await Promise.all(
        open.map(async (offer, n) => {
          const by = meshes[(round + n) % 3] as Mesh;
          await by.say(offer, { kind: "accept" });
          await by.say(offer, complete({ costMicroUsd: 10 }));
        }),
      );
      if (open.length === 0) await mesh.engine.sweep();
    }
    expect(exceeded).toBe(0);
    expect(await figures(database(), budget)).toEqual([200, 0]);
    const states = await Promise.all(tasks.map(async (id) => (await mesh.row(id)).state));
    expect(states.filter((state) => state === "completed")).toHaveLength(20);
    expect(states.filter((state) => state === "queued")).toHaveLength(30);
  });
});
