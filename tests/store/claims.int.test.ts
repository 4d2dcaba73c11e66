import { randomUUID } from "node:crypto";
import type { AgentId, ClaimedTask, TaskId } from "@devmesh/models";
import { agentRepository, type Database, ledgerStore, sql, taskReads } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import type { LedgerStore } from "@devmesh/tasks";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { assertAddsUp, read } from "../kit/adds-up.ts";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

const done = { kind: "complete", output: "1", artifacts: undefined, usage: undefined } as const;
/** Those who wait look by themselves after 5 s: what comes sooner was woken. */
const unscattered = { random: () => 1 } as const;
const wokenMs = 4_500;

describeEachDriver("claims", (database) => {
  test("give whole tasks, accepted, with the lease that was asked for", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 3 });
    const first = await mesh.submit({ type: "work", input: { a: 1 }, priority: 9 });
    await finish(mesh, agentId, await mesh.claim(agentId));
    const second = await mesh.submit({ type: "work", dependsOn: [first] });
    await mesh.submit({ type: "other" });
    const [claimed, ...others] = await mesh.claim(agentId, { max: 5, leaseMs: 60_000 });
    expect(others).toEqual([]);
    expect(claimed).toMatchObject({ fence: 1, state: "running", leaseMs: 60_000 });
    expect(claimed?.task).toMatchObject({
      id: second,
      state: "running",
      dependencies: [{ id: first, output: 1 }],
      assignment: { id: claimed?.assignmentId, fence: 1, leaseUntil: claimed?.leaseUntil },
      assignedAgent: { id: agentId, name: "puller" },
    });
    expect(await mesh.events(second)).toEqual(["created", "queued", "assigned", "accepted"]);
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("hold no more of what their tasks depend on than memory is for", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 20 });
    const output = JSON.stringify("x".repeat(900_000));
    const first: TaskId[] = [];
    while (first.length < 10) first.push(await mesh.submit({ type: "work" }));
    for (const claimed of await mesh.claim(agentId, { max: 10 })) {
      await mesh.say(toOffer(agentId, claimed), { ...done, output });
    }
    await mesh.submit({ type: "work", dependsOn: first });
    await mesh.submit({ type: "work", dependsOn: first.slice(0, 1) });
    const [large, other] = await mesh.claim(agentId, { max: 2 });
    expect(large).toMatchObject({ lacksOutputs: true, task: { dependencies: expect.any(Array) } });
    const kept = [large, other].flatMap((one) => one?.task.dependencies ?? []).filter((one) => one.output !== null);
    expect(JSON.stringify(kept).length).toBeLessThan(8_500_000);
  });

  test("write what an offer and its acceptance write", async () => {
    await using mesh = await openMesh(database(), { leaseMs: 77_000 });
    const puller = await mesh.addAgent("puller", { delivery: "pull" });
    const pushed = await mesh.addAgent("pushed");
    const options = { deadline: "2031-01-01T00:00:00.000Z", timeoutMs: 60_000 };
    const offered = await mesh.submit({ type: "work", ...options });
    await mesh.say(await mesh.offerOf(offered), { kind: "accept" });
    const claimed = await mesh.submit({ type: "work", ...options });
    await mesh.claim(puller, { leaseMs: 77_000 });
    const rows = await Promise.all([offered, claimed].map((taskId) => traces(database(), taskId)));
    const renamed = JSON.stringify(rows[1]).replaceAll(puller, pushed);
    expect(JSON.parse(renamed)).toEqual(JSON.parse(JSON.stringify(rows[0])));
  });

  test("are the only way to a pull agent: nothing is pushed to it, whatever comes free", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const [first, second] = [await mesh.submit({ type: "work" }), await mesh.submit({ type: "work" })];
    await finish(mesh, agentId, await mesh.claim(agentId));
    mesh.engine.requestAssignment({ lanes: [], agents: [{ tenantId: mesh.tenantId, agentId }] });
    await mesh.engine.sweep();
    const states = [await mesh.row(first), await mesh.row(second)].map(({ state }) => state);
    expect(states).toEqual(["completed", "queued"]);
    expect(mesh.taken).toEqual([]);
  });

  test("of a lane that push agents share get what these have no slot for", async () => {
    await using mesh = await openMesh(database());
    const puller = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 5 });
    const pushed = await mesh.addAgent("pushed", { maxConcurrency: 2 });
    const tasks = await Promise.all([1, 2, 3, 4].map(() => mesh.submit({ type: "work" })));
    await waitFor(async () => (await mesh.inFlight(pushed)) === 2);
    expect(await mesh.claim(puller, { max: 5 })).toHaveLength(2);
    const agents = await read<{ agentId: AgentId; why: { passedOver: Record<string, number> } }>(
      database(),
      sql`select agent_id as "agentId", why from assignment where task_id = any (${tasks}::uuid[]) order by agent_id`,
    );
    expect(agents.map(({ agentId }) => agentId)).toEqual([puller, puller, pushed, pushed].sort());
    expect(agents.find(({ agentId }) => agentId === pushed)?.why.passedOver).toEqual({ pull: 1 });
    expect(agents.find(({ agentId }) => agentId === puller)?.why.passedOver).toEqual({ busy: 1 });
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("take the best-ranked, up to what was asked for and what slots are free", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 4 });
    const low = await mesh.submit({ type: "work", priority: 1 });
    const high = await mesh.submit({ type: "work", priority: 9 });
    const middle = await mesh.submit({ type: "work", priority: 5 });
    expect(idsOf(await mesh.claim(agentId, { max: 2 }))).toEqual([high, middle]);
    for (let count = 0; count < 5; count++) await mesh.submit({ type: "work", priority: 0 });
    const rest = await mesh.claim(agentId, { max: 20 });
    expect([rest.length, rest[0]?.task.id]).toEqual([2, low]);
  });

  test("race for each task once, in two processes", async () => {
    await using mesh = await openMesh(database());
    await using second = await openMesh(database(), { tenantId: mesh.tenantId });
    const agents = await Promise.all(
      ["a", "b", "c", "d"].map((name) => mesh.addAgent(name, { delivery: "pull", maxConcurrency: 20 })),
    );
    const pushed = await mesh.addAgent("pushed", { maxConcurrency: 3 });
    const tasks = new Set<TaskId>();
    const submitting = Promise.all(
      Array.from({ length: 30 }, async () => tasks.add(await mesh.submit({ type: "work" }))),
    );
    const claims = [...agents, ...agents].map((agentId, index) =>
      (index % 2 === 0 ? mesh : second).claim(agentId, { max: 3, waitMs: 500 }),
    );
    const claimed = idsOf((await Promise.all(claims)).flat());
    await submitting;
    expect(new Set(claimed).size).toBe(claimed.length);
    // those who claimed were too few to leave it nothing: now it takes no more, and holds nothing locked
    await waitFor(async () => (await mesh.inFlight(pushed)) === 3);
    for (const agentId of agents) claimed.push(...idsOf(await second.claim(agentId, { max: 10 })));
    expect(claimed).toHaveLength(27);
    expect(new Set(claimed).size).toBe(27);
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("count in limits, and those that wait are woken when one has room again", async () => {
    await using mesh = await openMesh(database(), unscattered);
    await read(
      database(),
      sql`insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight)
        values (${mesh.tenantId}, gen_random_uuid(), 'type', 'work', 1)`,
    );
    const [a, b] = await Promise.all(["a", "b"].map((name) => mesh.addAgent(name, { delivery: "pull" })));
    if (a === undefined || b === undefined) throw new Error("no agents");
    await mesh.submit({ type: "work" });
    const second = await mesh.submit({ type: "work" });
    const held = await mesh.claim(a);
    expect(held).toHaveLength(1);
    expect(await mesh.claim(b)).toEqual([]);
    const begunAt = performance.now();
    const waiting = mesh.claim(b, { waitMs: 20_000 });
    await finish(mesh, a, held);
    expect(idsOf(await waiting)).toEqual([second]);
    expect(performance.now() - begunAt).toBeLessThan(wokenMs);
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("reserve in budgets; what none has room for is taken out of its lane", async () => {
    await using mesh = await openMesh(database());
    await read(
      database(),
      sql`insert into budget (tenant_id, id, scope, unit, cap)
        values (${mesh.tenantId}, gen_random_uuid(), 'tenant', 'micro_usd', 5)`,
    );
    const capabilities = [{ name: "work", costMicroUsd: 4 }];
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 3, capabilities });
    await mesh.submit({ type: "work" });
    const second = await mesh.submit({ type: "work" });
    expect(await mesh.claim(agentId, { max: 3 })).toHaveLength(1);
    expect(await mesh.claim(agentId)).toEqual([]);
    expect(await read(database(), sql`select parked_by is not null as parked from task where id = ${second}`)).toEqual([
      { parked: true },
    ]);
    expect(await read(database(), sql`select reserved from budget where tenant_id = ${mesh.tenantId}`)).toEqual([
      { reserved: 4 },
    ]);
  });

  test.each([
    ["", {}],
    ["another process", { elsewhere: true }],
  ])("that wait are woken by a task that %s submits", async (_, { elsewhere = false }: { elsewhere?: boolean }) => {
    const { store, looks } = countLooks(database());
    await using mesh = await openMesh(database(), { ...unscattered, store });
    await using other = await openMesh(database(), {
      tenantId: mesh.tenantId,
      hints: { claimable: (scope) => mesh.engine.wakeClaims(scope) },
    });
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const misfit = await mesh.addAgent("misfit", { delivery: "pull", capabilities: [{ name: "other" }] });
    // its lane is there before anybody waits: the first look of both finds nothing
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: await mesh.submit({ type: "work" }) }, "test");
    const begunAt = performance.now();
    const waiting = mesh.claim(agentId, { waitMs: 20_000 });
    const inVain = mesh.claim(misfit, { waitMs: 300 });
    await waitFor(() => looks() >= 2);
    const taskId = await (elsewhere ? other : mesh).submit({ type: "work" });
    expect(idsOf(await waiting)).toEqual([taskId]);
    expect(performance.now() - begunAt).toBeLessThan(wokenMs);
    expect(await inVain).toEqual([]);
  });

  test("that wait look by themselves where no hint came", async () => {
    await using mesh = await openMesh(database(), { random: () => 0 });
    await using silent = await openMesh(database(), { tenantId: mesh.tenantId });
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const waiting = mesh.claim(agentId, { waitMs: 20_000 });
    const taskId = await silent.submit({ type: "work" });
    expect(idsOf(await waiting)).toEqual([taskId]);
  });

  test("that nobody waits for any more take nothing", async () => {
    const { store, looks } = countLooks(database());
    await using mesh = await openMesh(database(), { ...unscattered, store });
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    await expect(mesh.claim(agentId, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    const abort = new AbortController();
    const waiting = mesh.claim(agentId, { waitMs: 20_000, signal: abort.signal });
    await waitFor(() => looks() > 0);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    const taskId = await mesh.submit({ type: "work" });
    expect((await mesh.row(taskId)).fence).toBe(0);
    expect(idsOf(await mesh.claim(agentId))).toEqual([taskId]);
  });

  test("whose caller goes while its task is locked leave it to the next", async () => {
    const abort = new AbortController();
    await using mesh = await openMesh(database());
    const store = ledgerStore(database(), createUuidV7());
    await using late = await openMesh(database(), {
      tenantId: mesh.tenantId,
      store: {
        ...store,
        transaction: (tenants, work) =>
          store.transaction(tenants, (tx) => {
            const readCaps: typeof tx.readCaps = (...asked) => {
              abort.abort();
              return tx.readCaps(...asked);
            };
            return work(Object.create(tx, { readCaps: { value: readCaps } }));
          }),
      },
    });
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const taskId = await mesh.submit({ type: "work" });
    await expect(late.claim(agentId, { waitMs: 1_000, signal: abort.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(await mesh.row(taskId)).toMatchObject({ state: "queued", fence: 0 });
    expect(idsOf(await mesh.claim(agentId))).toEqual([taskId]);
  });

  test("of an engine that stops are answered with nothing, and later ones do not wait", async () => {
    await using mesh = await openMesh(database(), unscattered);
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const begunAt = performance.now();
    const waiting = mesh.claim(agentId, { waitMs: 20_000 });
    mesh.engine.stopWaiting();
    expect(await waiting).toEqual([]);
    expect(await mesh.claim(agentId, { waitMs: 20_000 })).toEqual([]);
    expect(performance.now() - begunAt).toBeLessThan(wokenMs);
    const taskId = await mesh.submit({ type: "work" });
    expect(idsOf(await mesh.claim(agentId))).toEqual([taskId]);
  });

  test("with a key are answered alike, as their assignments stand now", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const keyed = { idempotencyKey: "once", max: 2 };
    // what got nothing leaves its key unused
    expect(await mesh.claim(agentId, keyed)).toEqual([]);
    const taskId = await mesh.submit({ type: "work" });
    await mesh.submit({ type: "work" });
    const first = await mesh.claim(agentId, keyed);
    expect(idsOf(first)).toEqual([taskId]);
    // though it has no free slot any more
    expect(await mesh.claim(agentId, keyed)).toEqual(first);
    await finish(mesh, agentId, first);
    const again = await mesh.claim(agentId, keyed);
    expect(again).toMatchObject([
      { assignmentId: first[0]?.assignmentId, state: "completed", task: { state: "completed" } },
    ]);
    expect(again[0]?.leaseUntil).toBeUndefined();
    await expect(mesh.claim(agentId, { ...keyed, max: 1 })).rejects.toMatchObject({ reason: "idempotency_key_reused" });
    expect(await mesh.claim(agentId, { ...keyed, idempotencyKey: "another" })).toHaveLength(1);
  });

  test("with one key at once, in two processes, take once", async () => {
    await using mesh = await openMesh(database());
    await using second = await openMesh(database(), { tenantId: mesh.tenantId });
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 10 });
    await Promise.all(Array.from({ length: 6 }, () => mesh.submit({ type: "work" })));
    const { principalId } = mesh.context;
    const claims = [mesh, second, mesh, second].map((one) =>
      one.claim(agentId, { idempotencyKey: "k", max: 2, principalId }),
    );
    const [first, ...others] = await Promise.all(claims);
    expect(first).toHaveLength(2);
    for (const other of others) expect(idsOf(other)).toEqual(idsOf(first ?? []));
    expect(await mesh.inFlight(agentId)).toBe(2);
  });

  test("are refused with what stands in the way", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    const agents = agentRepository(database());
    const pushed = await mesh.addAgent("pushed", { capabilities: [] });
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const refusal = (id: AgentId) =>
      mesh.claim(id).then(
        () => undefined,
        ({ code, reason }) => reason ?? code,
      );
    expect(await refusal(tenantId as string as AgentId)).toBe("not_found");
    expect(await refusal(pushed)).toBe("not_pull");
    await agents.setAdmin(tenantId, agentId, "paused");
    expect(await refusal(agentId)).toBe("paused");
    await agents.setAdmin(tenantId, agentId, "revoked");
    expect(await refusal(agentId)).toBe("revoked");
    await agents.setAdmin(tenantId, agentId, "active");
    await agents.update(tenantId, agentId, { availability: "draining" });
    expect(await refusal(agentId)).toBe("draining");
    await agents.update(tenantId, agentId, { availability: "busy" });
    expect(await refusal(agentId)).toBe("unavailable");
    await agents.update(tenantId, agentId, { availability: "available" });
    await mesh.submit({ type: "work" });
    await mesh.claim(agentId);
    expect(await refusal(agentId)).toBe("busy");
    await agents.deregister(tenantId, agentId);
    expect(await refusal(agentId)).toBe("not_found");
  });

  test("have leases that end as others' do, and words that keep them", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 9 });
    const taskId = await mesh.submit({ type: "work" });
    const [claimed] = await mesh.claim(agentId, { leaseMs: 200_000 });
    if (claimed === undefined) throw new Error("nothing was claimed");
    const offer = toOffer(agentId, claimed);
    expect(await mesh.say(offer, { kind: "accept" })).toMatchObject({ kind: "recorded", duplicate: true });
    await mesh.backdate(taskId, 150_000);
    const told = await mesh.say(offer, { kind: "progress", percent: 50 });
    const leftMs = told.kind === "recorded" ? (told.leaseUntil?.getTime() ?? 0) - Date.now() : 0;
    expect(leftMs).toBeGreaterThan(190_000);
    await mesh.say(offer, { kind: "extend", leaseMs: 400_000 });
    await mesh.backdate(taskId, 390_000);
    await mesh.engine.sweep();
    expect((await mesh.row(taskId)).state).toBe("running");
    await mesh.backdate(taskId, 20_000);
    await mesh.engine.sweep();
    expect(await mesh.events(taskId)).toContain("lease_expired");
    expect(await mesh.say(offer, done)).toMatchObject({ kind: "refused", error: { reason: "stale_assignment" } });
    expect(await mesh.inFlight(agentId)).toBe(0);
    await mesh.backdate(taskId, 60_000);
    await mesh.engine.sweep();
    expect(await mesh.claim(agentId)).toMatchObject([{ fence: 2, task: { id: taskId } }]);
  });

  test("are given back by a rejection, and not claimed again by the same agent", async () => {
    await using mesh = await openMesh(database());
    const [a, b] = await Promise.all(["a", "b"].map((name) => mesh.addAgent(name, { delivery: "pull" })));
    if (a === undefined || b === undefined) throw new Error("no agents");
    const taskId = await mesh.submit({ type: "work" });
    const [claimed] = await mesh.claim(a);
    if (claimed === undefined) throw new Error("nothing was claimed");
    expect(await mesh.say(toOffer(a, claimed), { kind: "reject", reason: "no" })).toMatchObject({ kind: "recorded" });
    expect(await mesh.claim(a)).toEqual([]);
    expect(idsOf(await mesh.claim(b))).toEqual([taskId]);
    await mesh.engine.release({ tenantId: mesh.tenantId, agentId: b }, { offeredOnly: false, reason: "revoked" });
    expect(await mesh.row(taskId)).toMatchObject({ state: "queued" });
  });

  test("tell of questions, answers and cancels in the mailbox", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull", maxConcurrency: 2 });
    const taskId = await mesh.submit({ type: "work" });
    const [claimed] = await mesh.claim(agentId);
    if (claimed === undefined) throw new Error("nothing was claimed");
    const asked = {
      kind: "ask",
      id: randomUUID(),
      requestId: "r1",
      question: "?",
      timeoutMs: 60_000,
      onTimeout: "fail",
    } as const;
    expect(await mesh.say(toOffer(agentId, claimed), asked)).toMatchObject({ taskState: "waiting" });
    const ref = { tenantId: mesh.tenantId, taskId };
    await mesh.engine.answer(ref, { answer: "yes", answeredBy: { kind: "default" } });
    await mesh.engine.cancel(ref, "enough");
    const frames = await read<{ type: number; payload: { kind?: string; reason?: string } }>(
      database(),
      sql`select type, payload from mailbox where agent_id = ${agentId} order by seq`,
    );
    expect(frames.map(({ type, payload }) => [type, payload.kind ?? payload.reason])).toEqual([
      [0x0303, "task.answer"],
      [0x0207, "enough"],
    ]);
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("give up their slot to children and have it back, of which the mailbox tells", async () => {
    await using mesh = await openMesh(database());
    const lead = await mesh.addAgent("lead", { delivery: "pull", capabilities: [{ name: "plan" }] });
    const worker = await mesh.addAgent("worker", { delivery: "pull" });
    const parent = await mesh.submit({ type: "plan" });
    const [claimed] = await mesh.claim(lead);
    if (claimed === undefined) throw new Error("nothing was claimed");
    const delegation = { assignmentId: claimed.assignmentId, agentId: lead, yieldSlot: true };
    await mesh.engine.submit({ ...mesh.context, delegation }, { type: "work" });
    const other = await mesh.submit({ type: "plan" });
    const between = await mesh.claim(lead);
    expect(idsOf(between)).toEqual([other]);
    await finish(mesh, worker, await mesh.claim(worker));
    // the slot that is awaited is no free one
    await waitFor(async () => (await slotOf(database(), lead)).awaited === 1);
    await finish(mesh, lead, between);
    await waitFor(async () => (await slotOf(database(), lead)).inFlight === 1);
    const mail = await read(database(), sql`select payload->>'kind' as kind from mailbox where agent_id = ${lead}`);
    expect(mail).toEqual([{ kind: "task.children" }]);
    await expect(mesh.claim(lead)).rejects.toMatchObject({ reason: "busy" });
    await finish(mesh, lead, [claimed]);
    expect((await mesh.row(parent)).state).toBe("completed");
    await assertAddsUp(database(), mesh.tenantId);
  });

  test("are what a queued task waits for, where free agents claim", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const taskId = await mesh.submit({ type: "work" });
    const standing = async () => (await taskReads(database()).laneStandings(mesh.tenantId, [taskId])).get(taskId);
    expect(await standing()).toMatchObject({ agents: 1, byReason: {}, unclaimed: 1 });
    await read(
      database(),
      sql`update agent_slot set present_until = now() - interval '1 second' where agent_id = ${agentId}`,
    );
    expect(await standing()).toMatchObject({ byReason: { disconnected: 1 }, unclaimed: 0 });
  });

  test.each([
    ["max", { max: 0 }],
    ["max", { max: 21 }],
    ["leaseMs", { leaseMs: 999 }],
    ["leaseMs", { leaseMs: 3_600_001 }],
    ["waitMs", { waitMs: 25_001 }],
    ["waitMs", { waitMs: 0.5 }],
    ["idempotencyKey", { idempotencyKey: "" }],
  ])("with a %s out of bounds are refused: %o", async (path, asked) => {
    await using mesh = await openMesh(database());
    const refused = { code: "invalid_argument", details: [{ path }] };
    await expect(mesh.claim("" as AgentId, asked)).rejects.toMatchObject(refused);
  });
});

/** A store that counts how often it was looked for tasks of agents that claim: once for all of a round. */
function countLooks(database: Database): { readonly store: LedgerStore; readonly looks: () => number } {
  const store = ledgerStore(database, createUuidV7());
  let looks = 0;
  return {
    looks: () => looks,
    store: {
      ...store,
      findCandidates: async (scope, limit, by) => {
        const found = await store.findCandidates(scope, limit, by);
        if (by === "claim" && scope.agents.length > 0) looks += scope.agents.length;
        return found;
      },
    },
  };
}

function idsOf(claimed: readonly ClaimedTask[]): TaskId[] {
  return claimed.map(({ task }) => task.id);
}

function toOffer(agentId: AgentId, { task, assignmentId, fence }: ClaimedTask): Offer {
  return { taskId: task.id, assignmentId, agentId, fence };
}

async function finish(mesh: Mesh, agentId: AgentId, claimed: readonly ClaimedTask[]): Promise<void> {
  for (const one of claimed) {
    expect(await mesh.say(toOffer(agentId, one), done)).toMatchObject({ taskState: "completed" });
  }
}

async function slotOf(database: Database, agentId: AgentId): Promise<{ inFlight: number; awaited: number }> {
  const [slot] = await read<{ inFlight: number; awaited: number }>(
    database,
    sql`select in_flight as "inFlight", awaited from agent_slot where agent_id = ${agentId}`,
  );
  if (slot === undefined) throw new Error("no such agent");
  return slot;
}

/** What a task, its assignment, its events and its agent's slot say, without ids and times but for how these lie to each other. */
async function traces(database: Database, taskId: TaskId): Promise<unknown> {
  return read(
    database,
    sql`
    select t.state, t.attempt, t.counted, t.fence, t.event_seq, t.queue_rank, t.wake_at, t.deadline,
      t.started_at is not null as started, t.assignment_id = x.id as current,
      x.state as assignment_state, x.is_open, x.attempt as try, x.lease_ms, x.slot, x.strategy, x.limit_ids, x.reserved,
      extract(epoch from x.accept_until - x.created_at) as acceptance,
      round(extract(epoch from x.lease_until - t.started_at)) as lease,
      round(extract(epoch from x.attempt_until - t.started_at)) as clock,
      s.in_flight, s.awaited, s.next_seq, s.last_assigned_at is not null as assigned,
      (select json_agg(json_build_object('seq', e.seq, 'type', e.type, 'data', replace(e.data::jsonb::text, x.id::text, 'id')::json)
        order by e.seq) from task_event e where e.task_id = t.id) as events
    from task t join assignment x on x.task_id = t.id join agent_slot s on s.agent_id = x.agent_id
    where t.id = ${taskId}`,
  );
}
