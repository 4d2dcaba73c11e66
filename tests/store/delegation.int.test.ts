import type { AgentId, TaskId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

const done = (output: unknown = 42) =>
  ({ kind: "complete", output: JSON.stringify(output), artifacts: undefined, usage: undefined }) as const;
const fail = { kind: "fail", class: "permanent", message: "no luck", usage: undefined } as const;

describeEachDriver("delegation", (database) => {
  test("gives the parent's slot to others while its children run, and back before it is told of them", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan", "other"]);
    await mesh.addAgent("worker", { capabilities: [{ name: "work" }], maxConcurrency: 3 });
    const children = await Promise.all([1, 2, 3].map((n) => delegate(mesh, parent, { type: "work", ref: `r${n}` })));
    expect(await slots(database(), parent.agentId)).toEqual({ inFlight: 0, awaited: 0 });
    // its only slot is another's meanwhile
    const other = await mesh.offerOf(await mesh.submit({ type: "other" }));
    expect(other.agentId).toBe(parent.agentId);
    await mesh.say(other, { kind: "accept" });
    await finish(mesh, children[0], done({ n: 1 }));
    await finish(mesh, children[1], fail);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: children[2] as TaskId }, "test");
    await waitFor(async () => (await slots(database(), parent.agentId)).awaited === 1);
    expect(await mail(database(), parent.agentId)).toEqual([]);
    // a new task does not get the slot that is awaited
    const next = await mesh.submit({ type: "other" });
    await mesh.say(other, done());
    await waitFor(async () => (await mail(database(), parent.agentId)).length === 1);
    expect(await slots(database(), parent.agentId)).toEqual({ inFlight: 1, awaited: 0 });
    expect((await mesh.row(next)).state).toBe("queued");
    const told = await mail(database(), parent.agentId);
    expect(Object.keys(told[0]?.content.children[0] ?? {}).sort()).toEqual([
      "output",
      "ref",
      "state",
      "taskId",
      "type",
    ]);
    expect(told).toMatchObject([
      {
        kind: "task.children",
        from: { name: "devmesh" },
        correlationId: parent.assignmentId,
        content: {
          taskId: parent.taskId,
          assignmentId: parent.assignmentId,
          children: [
            { taskId: children[0], ref: "r1", type: "work", state: "completed", output: { n: 1 } },
            { taskId: children[1], ref: "r2", state: "failed", error: { class: "permanent", message: "no luck" } },
            { taskId: children[2], ref: "r3", state: "cancelled" },
          ],
        },
      },
    ]);
    expect(await mesh.say(parent, done("all"))).toMatchObject({ kind: "recorded", taskState: "completed" });
    expect((await mesh.offerOf(next)).agentId).toBe(parent.agentId);
  });

  test("stops the parent's lease and clock, and starts the lease anew", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan"], { timeoutMs: 60_000 });
    const child = await delegate(mesh, parent, { type: "nobody" });
    await mesh.backdate(parent.taskId, 3_600_000);
    await mesh.engine.sweep();
    expect((await mesh.row(parent.taskId)).state).toBe("running");
    expect(await mesh.say(parent, { kind: "progress", percent: 10 })).toMatchObject({ leaseUntil: undefined });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: child }, "test");
    await waitFor(async () => (await mail(database(), parent.agentId)).length === 1);
    // whose agent is gone: the lease runs out now, and the task goes back to the queue
    await mesh.backdate(parent.taskId, 30_001);
    await mesh.engine.sweep();
    expect(await mesh.events(parent.taskId)).toContain("lease_expired");
    expect(await slots(database(), parent.agentId)).toMatchObject({ awaited: 0 });
  });

  test("lets one parent go on in the slot that another yields", async () => {
    await using mesh = await openMesh(database());
    const first = await hold(mesh, "lead", ["plan"]);
    const child = await delegate(mesh, first, { type: "nobody" });
    const second = await accepted(mesh, await mesh.submit({ type: "plan" }));
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: child }, "test");
    await waitFor(async () => (await slots(database(), first.agentId)).awaited === 1);
    const queued = await mesh.submit({ type: "plan" });
    await delegate(mesh, second, { type: "nobody" });
    await waitFor(async () => (await mail(database(), first.agentId)).length === 1);
    expect(await slots(database(), first.agentId)).toEqual({ inFlight: 1, awaited: 0 });
    expect((await mesh.row(queued)).state).toBe("queued");
    expect(await mesh.say(first, done())).toMatchObject({ taskState: "completed" });
  });

  test("finishes two levels of delegation over agents of one slot each", async () => {
    await using mesh = await openMesh(database());
    const root = await hold(mesh, "a", ["root", "leaf"]);
    await mesh.addAgent("b", { capabilities: [{ name: "middle" }] });
    const middle = await mesh.offerOf(await delegate(mesh, root, { type: "middle" }));
    await mesh.say(middle, { kind: "accept" });
    // the leaf runs in the slot that the root gave up, while the middle has given up its own
    const leaf = await mesh.offerOf(await delegate(mesh, middle, { type: "leaf" }));
    expect(leaf.agentId).toBe(root.agentId);
    await mesh.say(leaf, { kind: "accept" });
    await mesh.say(leaf, done(1));
    await waitFor(async () => (await mail(database(), middle.agentId)).length === 1);
    expect(await mesh.say(middle, done(2))).toMatchObject({ taskState: "completed" });
    await waitFor(async () => (await mail(database(), root.agentId)).length === 1);
    expect(await mesh.say(root, done(3))).toMatchObject({ taskState: "completed" });
    for (const { agentId } of [root, middle]) {
      expect(await slots(database(), agentId)).toEqual({ inFlight: 0, awaited: 0 });
    }
  });

  test("lets a parent go on at once where its children are final already", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan"]);
    const lost = await mesh.submit({ type: "nobody" });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: lost }, "test");
    await delegate(mesh, parent, { type: "work", dependsOn: [lost] });
    await waitFor(async () => (await mail(database(), parent.agentId)).length === 1);
    expect(await slots(database(), parent.agentId)).toEqual({ inFlight: 1, awaited: 0 });
  });

  test("leaves outputs of more than 256 KiB in all to be read by themselves, the smallest first", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan"]);
    await mesh.addAgent("worker", { maxConcurrency: 3 });
    const outputs = ["x".repeat(200_000), "y".repeat(100_000), null];
    const children = await Promise.all(outputs.map(() => delegate(mesh, parent, { type: "work" })));
    for (const [index, output] of outputs.entries()) await finish(mesh, children[index], done(output));
    await waitFor(async () => (await mail(database(), parent.agentId)).length === 1);
    const [message] = await mail(database(), parent.agentId);
    const told = message?.content.children.map((one) => ("output" in one ? one.output : "left out"));
    expect(told).toEqual(["left out", outputs[1], null]);
  });

  test("what the sweep finds of a process that died goes on", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan"]);
    const child = await delegate(mesh, parent, { type: "nobody" });
    // ended without anybody who looks after the parent
    await run(
      database(),
      sql`update task set state = 'cancelled', queue_rank = null, finished_at = now() where id = ${child}`,
    );
    await mesh.backdate(parent.taskId, 30_000);
    await mesh.engine.sweep();
    await waitFor(async () => (await mail(database(), parent.agentId)).length === 1);
  });

  test("inherits labels, trace and deadline, and ends at the depth of eight", async () => {
    await using mesh = await openMesh(database());
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const later = new Date(Date.now() + 7_200_000).toISOString();
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await mesh.addAgent("deep", { capabilities: [{ name: "dig" }], maxConcurrency: 10 });
    const { task } = await mesh.engine.submit(
      { ...mesh.context, traceparent },
      { type: "dig", deadline, labels: ["p", "q"] },
    );
    let offer = await accepted(mesh, task.id);
    const child = await mesh.engine.submit(
      { ...mesh.context, delegation: { ...offer, yieldSlot: false } },
      { type: "dig", deadline: later, labels: ["own", "q"] },
    );
    expect(child.task).toMatchObject({ parentId: task.id, deadline, labels: ["p", "q", "own"] });
    expect(await run(database(), sql`select traceparent from task_body where task_id = ${child.task.id}`)).toEqual([
      { traceparent },
    ]);
    offer = await accepted(mesh, child.task.id);
    for (let depth = 2; depth <= 8; depth++)
      offer = await accepted(mesh, await delegate(mesh, offer, { type: "dig" }, false));
    await expect(delegate(mesh, offer, { type: "dig" })).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "depth_limit",
      message: expect.stringMatching(/9 deep, the limit is 8/),
    });
  });

  test("refuses as it does frames, and no other submission of the same commit", async () => {
    await using mesh = await openMesh(database());
    const parent = await hold(mesh, "lead", ["plan"]);
    const stranger = await mesh.addAgent("stranger", { capabilities: [{ name: "none" }] });
    const offered = await mesh.offerOf(
      await mesh.submit({ type: "plan" }).then(async (id) => {
        await mesh.addAgent("second", { capabilities: [{ name: "plan" }] });
        return id;
      }),
    );
    const refusal = (by: Offer) =>
      delegate(mesh, by, { type: "work" }).then(
        () => "taken",
        (error) => [error.code, error.reason],
      );
    const nobody = "00000000-0000-7000-8000-000000000000" as never;
    const outcomes = await Promise.all([
      refusal({ ...parent, assignmentId: nobody }),
      refusal({ ...parent, agentId: stranger }),
      refusal(offered),
      refusal(parent),
      mesh.submit({ type: "work" }).then(() => "taken"),
    ]);
    expect(outcomes).toEqual([
      ["not_found", undefined],
      ["not_found", undefined],
      ["failed_precondition", undefined],
      "taken",
      "taken",
    ]);
    const labels = Array.from({ length: 21 }, (_, index) => `l${index}`);
    const { task } = await mesh.engine.submit(mesh.context, { type: "dig", labels: labels.slice(0, 20) });
    await mesh.addAgent("deep", { capabilities: [{ name: "dig" }] });
    const labelled = await accepted(mesh, task.id);
    await expect(delegate(mesh, labelled, { type: "work", labels: ["one more"] })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(delegate(mesh, labelled, { type: "work", dependsOn: [task.id] })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await mesh.say(labelled, done());
    expect(await refusal(labelled)).toEqual(["failed_precondition", undefined]);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: parent.taskId }, "test");
    expect(await refusal(parent)).toEqual(["conflict", "stale_assignment"]);
  });

  test("answers a repeated delegation with the child that there is, in a later try of the parent too", async () => {
    await using mesh = await openMesh(database());
    const first = await hold(mesh, "lead", ["plan"]);
    const submit = (by: Offer, type = "nobody") =>
      mesh.engine.submit(
        { ...mesh.context, idempotencyKey: "step-1", delegation: { ...by, yieldSlot: true } },
        { type },
      );
    const { task } = await submit(first);
    expect(await submit(first)).toMatchObject({ isReplay: true, task: { id: task.id } });
    expect(await slots(database(), first.agentId)).toEqual({ inFlight: 0, awaited: 0 });
    await expect(submit(first, "other")).rejects.toMatchObject({ reason: "idempotency_key_reused" });
    await expect(
      mesh.engine.submit({ ...mesh.context, idempotencyKey: "step-1" }, { type: "nobody" }),
    ).rejects.toMatchObject({ reason: "idempotency_key_reused" });
    await mesh.engine.release(
      { tenantId: mesh.tenantId, agentId: first.agentId },
      { offeredOnly: false, reason: "gone" },
    );
    const second = await accepted(mesh, first.taskId);
    expect(second.fence).toBe(2);
    expect(await submit(second)).toMatchObject({ isReplay: true, task: { id: task.id } });
    // it waits for the child of its first try
    expect(await slots(database(), first.agentId)).toEqual({ inFlight: 0, awaited: 0 });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: task.id }, "test");
    await waitFor(async () =>
      (await mail(database(), first.agentId)).some(({ correlationId }) => correlationId === second.assignmentId),
    );
  });

  const ends = ["cancel", "complete", "fail", "release"] as const;
  const stages = ["yielded", "awaited"] as const;
  test.each(ends.flatMap((end) => stages.map((stage) => [end, stage] as const)))(
    "keeps slots right after a %s of a parent that has %s",
    async (end, stage) => {
      await using mesh = await openMesh(database());
      const { tenantId } = mesh;
      const parent = await hold(mesh, "lead", ["plan", "other"]);
      const child = await delegate(mesh, parent, { type: "nobody" });
      const other = await accepted(mesh, await mesh.submit({ type: "other" }));
      if (stage === "awaited") {
        await mesh.engine.cancel({ tenantId, taskId: child }, "test");
        await waitFor(async () => (await slots(database(), parent.agentId)).awaited === 1);
      }
      if (end === "cancel") await mesh.engine.cancel({ tenantId, taskId: parent.taskId }, "test");
      if (end === "complete") await mesh.say(parent, done());
      if (end === "fail") await mesh.say(parent, fail);
      if (end === "release") {
        const slot = { tenantId, agentId: parent.agentId };
        await mesh.engine.release(slot, { offeredOnly: false, reason: "gone" });
        // both come back, one after the other
        const tries = async () => Promise.all([parent, other].map(({ taskId }) => mesh.row(taskId)));
        await waitFor(async () => (await tries()).some(({ state, fence }) => state === "assigned" && fence === 2));
      }
      expect(await slots(database(), parent.agentId)).toEqual({ inFlight: 1, awaited: 0 });
      // what was delegated goes on unless its parent was cancelled
      const left = stage === "awaited" || end === "cancel" ? "cancelled" : "queued";
      expect((await mesh.row(child)).state).toBe(left);
    },
  );

  test("gives back more than an agent has slots for, parents that yielded included", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    const agentId = await mesh.addAgent("lead", { capabilities: [{ name: "plan" }], maxConcurrency: 200 });
    // copies of a parent that has yielded, as many as would take an hour to make one by one
    const parent = await accepted(mesh, await mesh.submit({ type: "plan" }));
    await delegate(mesh, parent, { type: "nobody" });
    await run(database(), copyParents(parent.taskId, 1_020));
    await mesh.engine.release({ tenantId, agentId }, { offeredOnly: false, reason: "gone" });
    const left = await run<{ n: number }>(
      database(),
      sql`select count(*)::int as n from assignment where agent_id = ${agentId} and is_open and slot <> 'held'`,
    );
    expect(left).toEqual([{ n: 0 }]);
  });

  test("cancels all below at once, past finished tasks too, and hears nothing more of them", async () => {
    const mailed: AgentId[] = [];
    await using mesh = await openMesh(database(), {
      hints: { mailed: (all) => mailed.push(...all.map((one) => one.agentId)) },
    });
    const agentId = await mesh.addAgent("deep", { capabilities: [{ name: "dig" }], maxConcurrency: 50 });
    const root = await accepted(mesh, await mesh.submit({ type: "dig" }));
    const middle = await accepted(mesh, await delegate(mesh, root, { type: "dig" }, false));
    const leaf = await accepted(mesh, await delegate(mesh, middle, { type: "dig" }, false));
    const idle = await delegate(mesh, middle, { type: "nobody" }, false);
    await mesh.say(middle, done());
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: root.taskId }, "test");
    for (const id of [root.taskId, leaf.taskId, idle]) expect((await mesh.row(id)).state).toBe("cancelled");
    expect((await mesh.row(middle.taskId)).state).toBe("completed");
    for (const word of [done(), fail, { kind: "progress", percent: 1 }, { kind: "extend", leaseMs: 1 }] as const) {
      expect(await mesh.say(leaf, word)).toMatchObject({ error: { code: "conflict", reason: "stale_assignment" } });
    }
    expect((await mesh.row(leaf.taskId)).state).toBe("cancelled");
    expect(await slots(database(), agentId)).toEqual({ inFlight: 0, awaited: 0 });
    expect(mailed).toContain(agentId);
  });

  test("cancels a tree of a thousand in one commit, whatever its tasks are at", async () => {
    await using mesh = await openMesh(database());
    const agents = await Promise.all(
      ["a", "b", "c"].map((name) => mesh.addAgent(name, { capabilities: [{ name: "dig" }], maxConcurrency: 600 })),
    );
    const root = await accepted(mesh, await mesh.submit({ type: "dig" }));
    let level = [root];
    for (let depth = 1; depth <= 8; depth++) {
      const ids = await Promise.all(
        level.slice(0, 4).flatMap((by) => Array.from({ length: 35 }, () => delegate(mesh, by, { type: "dig" }, false))),
      );
      level = await Promise.all(ids.slice(0, 4).map((id) => accepted(mesh, id)));
    }
    const before = performance.now();
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: root.taskId }, "test");
    const tookMs = performance.now() - before;
    const states = await run<{ state: string; n: number; commits: number }>(
      database(),
      sql`
      select state, count(*)::int as n, count(distinct updated_at)::int as commits
      from task where tenant_id = ${mesh.tenantId} group by state`,
    );
    expect(states).toEqual([{ state: "cancelled", n: 1_016, commits: 1 }]);
    expect(tookMs).toBeLessThan(2_000);
    for (const agent of agents) expect(await slots(database(), agent)).toEqual({ inFlight: 0, awaited: 0 });
  });
});

async function accepted(mesh: Mesh, taskId: TaskId): Promise<Offer> {
  const offer = await mesh.offerOf(taskId);
  expect(await mesh.say(offer, { kind: "accept" })).toMatchObject({ kind: "recorded", taskState: "running" });
  return offer;
}

/** An agent of one slot at work on a task of the first of its capabilities. */
async function hold(mesh: Mesh, name: string, capabilities: readonly string[], more: object = {}): Promise<Offer> {
  await mesh.addAgent(name, { capabilities: capabilities.map((one) => ({ name: one })) });
  return accepted(mesh, await mesh.submit({ type: capabilities[0], ...more }));
}

async function delegate(mesh: Mesh, by: Offer, submission: object, yieldSlot = true): Promise<TaskId> {
  const { assignmentId, agentId } = by;
  const delegation = { assignmentId, agentId, yieldSlot };
  return (await mesh.engine.submit({ ...mesh.context, delegation }, submission)).task.id;
}

async function finish(mesh: Mesh, taskId: TaskId | undefined, word: Parameters<Mesh["say"]>[1]): Promise<void> {
  await mesh.say(await accepted(mesh, taskId as TaskId), word);
}

async function slots(database: Database, agentId: AgentId): Promise<{ inFlight: number; awaited: number }> {
  const [row] = await run<{ inFlight: number; awaited: number }>(
    database,
    sql`select in_flight as "inFlight", awaited from agent_slot where agent_id = ${agentId}`,
  );
  if (row === undefined) throw new Error(`no slots of agent ${agentId}`);
  return row;
}

/** Tasks with an assignment each, both like those of the one named but for their ids. */
function copyParents(taskId: TaskId, count: number): ReturnType<typeof sql> {
  return sql`
    with copy as (
      select gen_random_uuid() as task_id, gen_random_uuid() as id, number from generate_series(1, ${count}::int) as number
    ), task_copy as (
      insert into task (tenant_id, id, state, attempt, fence, event_seq, lane_id, rank, strategy, max_attempts, timeout_ms,
        assignment_id)
      select t.tenant_id, copy.task_id, t.state, t.attempt, t.fence, 0, t.lane_id, t.rank, t.strategy, t.max_attempts,
        t.timeout_ms, copy.id
      from task t cross join copy where t.id = ${taskId}
    ), body_copy as (
      insert into task_body (tenant_id, task_id, type, requirements, priority, labels, depends_on, created_at)
      select b.tenant_id, copy.task_id, b.type, b.requirements, b.priority, b.labels, b.depends_on, b.created_at
      from task_body b cross join copy where b.task_id = ${taskId}
    ), taken as (
      update agent_slot s set next_seq = s.next_seq + ${count}::int
      from assignment a where a.task_id = ${taskId} and s.agent_id = a.agent_id
      returning s.agent_id, s.next_seq - ${count}::int as first
    )
    insert into assignment (tenant_id, id, task_id, agent_id, fence, seq, state, attempt, strategy, why, lease_ms,
      accept_until, lease_until, attempt_left_ms, slot, check_at)
    select a.tenant_id, copy.id, copy.task_id, a.agent_id, a.fence, taken.first + copy.number - 1, a.state, a.attempt,
      a.strategy, a.why, a.lease_ms, a.accept_until, a.lease_until, a.attempt_left_ms, a.slot, a.check_at
    from assignment a join taken on taken.agent_id = a.agent_id cross join copy
    where a.task_id = ${taskId}`;
}

interface Mail {
  readonly kind: string;
  readonly correlationId: string;
  readonly content: { readonly children: readonly { readonly output?: unknown }[] };
}

async function mail(database: Database, agentId: AgentId): Promise<readonly Mail[]> {
  const rows = await run<{ payload: Mail }>(
    database,
    sql`select payload from mailbox where agent_id = ${agentId} and type = ${0x0303} order by seq`,
  );
  return rows.map(({ payload }) => payload);
}

async function run<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}
