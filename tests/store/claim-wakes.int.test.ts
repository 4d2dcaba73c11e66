import { randomUUID } from "node:crypto";
import type { AgentId, AssignmentId, BudgetId, ClaimedTask, LimitId, TaskId } from "@devmesh/models";
import { agentRepository, type Database, ledgerStore, sql } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import type { AgentWord } from "@devmesh/tasks";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { assertAddsUp, read } from "../kit/adds-up.ts";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, openMesh } from "../kit/mesh.ts";

const done = { kind: "complete", output: "1", artifacts: undefined, usage: undefined } as const;
const failed = { kind: "fail", class: "permanent", message: "no", usage: undefined } as const;
/** Those who wait look by themselves after 5 s: what comes sooner was woken. */
const wokenMs = 4_500;

/** Where a claim waits, and another process in which everything happens. */
interface Two extends AsyncDisposable {
  readonly here: Mesh;
  readonly there: Mesh;
  /** How often claims have looked for a task here. */
  looks(): number;
  /** An agent that claims. */
  puller(name: string, maxConcurrency?: number): Promise<AgentId>;
  /** Claims a task for an agent in the other process. */
  hold(agentId: AgentId): Promise<ClaimedTask>;
  say(agentId: AgentId, held: ClaimedTask, word: AgentWord): Promise<void>;
}

async function openTwo(database: Database): Promise<Two> {
  const ledger = ledgerStore(database, createUuidV7());
  let looks = 0;
  const counting: typeof ledger = {
    ...ledger,
    findCandidates: (...asked) => {
      looks += 1;
      return ledger.findCandidates(...asked);
    },
  };
  const here = await openMesh(database, { random: () => 1, store: counting });
  const there = await openMesh(database, {
    tenantId: here.tenantId,
    hints: { claimable: (scope) => here.engine.wakeClaims(scope) },
  });
  return {
    here,
    there,
    looks: () => looks,
    puller: (name, maxConcurrency = 1) => there.addAgent(name, { delivery: "pull", maxConcurrency }),
    async hold(agentId) {
      const [held] = await there.claim(agentId);
      if (held === undefined) throw new Error("nothing was claimed");
      return held;
    },
    async say(agentId, { assignmentId, fence, task }, word) {
      const outcome = await there.say({ agentId, assignmentId, fence, taskId: task.id }, word);
      expect(outcome).toMatchObject({ kind: "recorded" });
    },
    async [Symbol.asyncDispose]() {
      await there[Symbol.asyncDispose]();
      await here[Symbol.asyncDispose]();
    },
  };
}

/** What a claim gets that waits here, when `happens` has happened there. */
async function wokenBy(two: Two, agentId: AgentId, happens: () => Promise<unknown>): Promise<readonly TaskId[]> {
  const before = two.looks();
  const waiting = two.here.claim(agentId, { waitMs: 20_000 });
  await waitFor(() => two.looks() > before, { what: "its first look" });
  const begunAt = performance.now();
  await happens();
  const claimed = await waiting;
  expect(performance.now() - begunAt).toBeLessThan(wokenMs);
  return claimed.map(({ task }) => task.id);
}

describeEachDriver("a claim that waits is woken, by another process, when", (database) => {
  test("a task that failed is redriven", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b")];
    const taskId = await two.there.submit({ type: "work" });
    await two.say(a, await two.hold(a), failed);
    const redrive = () => two.there.engine.redrive({ tenantId: two.there.tenantId, taskId });
    expect(await wokenBy(two, b, redrive)).toEqual([taskId]);
    await assertAddsUp(database(), two.here.tenantId);
  });

  test("what a task depends on is completed", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b")];
    const first = await two.there.submit({ type: "work" });
    const second = await two.there.submit({ type: "work", dependsOn: [first] });
    const held = await two.hold(a);
    expect(await wokenBy(two, b, () => two.say(a, held, done))).toEqual([second]);
  });

  test("an agent gives a task back", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b")];
    const taskId = await two.there.submit({ type: "work" });
    const held = await two.hold(a);
    expect(await wokenBy(two, b, () => two.say(a, held, { kind: "reject", reason: "no" }))).toEqual([taskId]);
  });

  test("an agent is deregistered that held a task", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b")];
    const taskId = await two.there.submit({ type: "work" });
    await two.hold(a);
    const leave = async (): Promise<void> => {
      await agentRepository(database()).deregister(two.there.tenantId, a);
      await two.there.engine.release({ tenantId: two.there.tenantId, agentId: a }, { offeredOnly: false, reason: "" });
    };
    expect(await wokenBy(two, b, leave)).toEqual([taskId]);
  });

  test("the back-off after a lost lease is over", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b")];
    const taskId = await two.there.submit({ type: "work" });
    await two.hold(a);
    await two.there.backdate(taskId, 3_600_000);
    await two.there.engine.sweep();
    expect((await two.there.row(taskId)).state).toBe("scheduled");
    await two.there.backdate(taskId, 60_000);
    expect(await wokenBy(two, b, () => two.there.engine.sweep())).toEqual([taskId]);
  });

  test("the time of a scheduled task has come", async () => {
    await using two = await openTwo(database());
    const agentId = await two.puller("a");
    const notBefore = new Date(Date.now() + 60_000).toISOString();
    const taskId = await two.there.submit({ type: "work", notBefore });
    await two.there.backdate(taskId, 120_000);
    expect(await wokenBy(two, agentId, () => two.there.engine.sweep())).toEqual([taskId]);
  });

  test("a limit has room again, or has more of it", async () => {
    await using two = await openTwo(database());
    const [a, b] = [await two.puller("a"), await two.puller("b", 2)];
    const limitId = randomUUID() as LimitId;
    await read(
      database(),
      sql`insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight)
        values (${two.there.tenantId}, ${limitId}, 'type', 'work', 1)`,
    );
    const ids = [
      await two.there.submit({ type: "work" }),
      await two.there.submit({ type: "work" }),
      await two.there.submit({ type: "work" }),
    ];
    const held = await two.hold(a);
    expect(await two.here.claim(b)).toEqual([]);
    expect(await wokenBy(two, b, () => two.say(a, held, done))).toEqual([ids[1]]);
    const raise = async (): Promise<void> => {
      await read(database(), sql`update concurrency_limit set max_in_flight = 5 where id = ${limitId}`);
      const limits = [{ tenantId: two.there.tenantId, limitId }];
      two.there.engine.requestAssignment({ lanes: [], agents: [], limits });
    };
    expect(await wokenBy(two, b, raise)).toEqual([ids[2]]);
    await assertAddsUp(database(), two.here.tenantId);
  });

  test("a budget that parked its task has more room", async () => {
    await using two = await openTwo(database());
    const budgetId = randomUUID() as BudgetId;
    await read(
      database(),
      sql`insert into budget (tenant_id, id, scope, unit, cap)
        values (${two.there.tenantId}, ${budgetId}, 'tenant', 'micro_usd', 5)`,
    );
    const capabilities = [{ name: "work", costMicroUsd: 4 }];
    const a = await two.there.addAgent("a", { delivery: "pull", capabilities });
    const b = await two.there.addAgent("b", { delivery: "pull", capabilities });
    await two.there.submit({ type: "work" });
    const second = await two.there.submit({ type: "work" });
    await two.hold(a);
    expect(await two.here.claim(b)).toEqual([]);
    const raise = async (): Promise<void> => {
      await read(database(), sql`update budget set cap = 50, unpark = waiting where id = ${budgetId}`);
      await two.there.engine.sweep();
    };
    expect(await wokenBy(two, b, raise)).toEqual([second]);
  });

  test("a tenant's spent budget is raised, which kept all of its lanes", async () => {
    await using two = await openTwo(database());
    const budgetId = randomUUID() as BudgetId;
    const b = await two.puller("b");
    const taskId = await two.there.submit({ type: "work" });
    await read(
      database(),
      sql`insert into budget (tenant_id, id, scope, unit, cap, spent)
        values (${two.there.tenantId}, ${budgetId}, 'tenant', 'micro_usd', 5, 5)`,
    );
    expect(await two.here.claim(b)).toEqual([]);
    const raise = async (): Promise<void> => {
      await read(database(), sql`update budget set cap = 50 where id = ${budgetId}`);
      const budgets = [{ tenantId: two.there.tenantId, budgetId }];
      two.there.engine.requestAssignment({ lanes: [], agents: [], budgets });
    };
    expect(await wokenBy(two, b, raise)).toEqual([taskId]);
  });

  test("the agent itself may have more: it is resumed, can do more, or has a free slot again", async () => {
    await using two = await openTwo(database());
    const { tenantId, engine } = two.there;
    const agents = agentRepository(database());
    const a = await two.puller("a", 2);
    const changed = () => engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: a, delivery: "pull" }] });
    /** Nothing for it, as it is, and those who wait have been looked for because of it. */
    const submit = async (type: string): Promise<TaskId> => {
      const looks = two.looks();
      const taskId = await two.there.submit({ type });
      await waitFor(() => two.looks() > looks, { what: "the look for whom to wake" });
      return taskId;
    };
    const ids: TaskId[] = [];
    const resume = async (): Promise<void> => {
      await agents.setAdmin(tenantId, a, "paused");
      ids.push(await submit("work"));
      await agents.setAdmin(tenantId, a, "active");
      changed();
    };
    expect(await wokenBy(two, a, resume)).toEqual(ids);
    const [first] = ids;
    const finish = async (taskId: TaskId | undefined): Promise<void> => {
      const [held] = await read<{ assignmentId: AssignmentId; fence: number }>(
        database(),
        sql`select id as "assignmentId", fence from assignment where task_id = ${taskId} and is_open`,
      );
      if (held === undefined || taskId === undefined) throw new Error("nobody holds it");
      await two.there.say({ agentId: a, taskId, ...held }, done);
    };
    await finish(first);
    const learn = async (): Promise<void> => {
      ids.push(await submit("other"));
      await agents.update(tenantId, a, { capabilities: ["work", "other"].map((name) => ({ name, level: 1 })) });
      changed();
    };
    expect(await wokenBy(two, a, learn)).toEqual(ids.slice(1));
    await finish(ids[1]);
    const inHand = await two.there.submit({ type: "work" });
    await two.hold(a);
    const free = async (): Promise<void> => {
      // no word of this goes round
      await agents.update(tenantId, a, { maxConcurrency: 1 });
      ids.push(await submit("work"));
      await finish(inHand);
    };
    expect(await wokenBy(two, a, free)).toEqual(ids.slice(2));
  });

  test("the agent's own budget has room again", async () => {
    await using two = await openTwo(database());
    const { tenantId, engine } = two.there;
    const budgetId = randomUUID() as BudgetId;
    const a = await two.puller("a");
    await read(
      database(),
      sql`insert into budget (tenant_id, id, scope, subject_id, unit, cap, spent)
        values (${tenantId}, ${budgetId}, 'agent', ${a}, 'micro_usd', 5, 5)`,
    );
    const taskId = await two.there.submit({ type: "work" });
    expect(await two.here.claim(a)).toEqual([]);
    const raise = async (): Promise<void> => {
      await read(database(), sql`update budget set cap = 50 where id = ${budgetId}`);
      engine.requestAssignment({ lanes: [], agents: [], budgets: [{ tenantId, budgetId }] });
    };
    expect(await wokenBy(two, a, raise)).toEqual([taskId]);
  });
});
