import type { TaskId } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { openMesh } from "../kit/mesh.ts";

const done = (output: unknown = 42) =>
  ({ kind: "complete", output: JSON.stringify(output), artifacts: undefined, usage: undefined }) as const;
const fail = (kind: "retryable" | "rate_limited" | "permanent", retryAfterMs?: number) =>
  ({ kind: "fail", class: kind, message: "no luck", retryAfterMs, usage: undefined }) as const;

describeEachDriver("the life of a task", (database) => {
  test("leads from submit over an agent to one recorded result", async () => {
    await using mesh = await openMesh(database());
    const agent = await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work", input: { __proto__: 1, text: "\u0000" } });
    const offer = await mesh.offerOf(taskId);
    expect(offer).toMatchObject({ agentId: agent, fence: 1 });
    expect(await mesh.inFlight(agent)).toBe(1);
    expect(await mesh.say(offer, { kind: "accept" })).toMatchObject({
      kind: "recorded",
      taskState: "running",
      duplicate: false,
    });
    expect(await mesh.say(offer, { kind: "progress", percent: 50 })).toMatchObject({ kind: "recorded" });
    expect(await mesh.say(offer, done())).toMatchObject({ kind: "recorded", taskState: "completed", duplicate: false });
    expect(await mesh.say(offer, done(43))).toMatchObject({
      kind: "recorded",
      taskState: "completed",
      duplicate: true,
    });
    expect(await mesh.events(taskId)).toEqual(["created", "queued", "assigned", "accepted", "progress", "completed"]);
    expect(await mesh.inFlight(agent)).toBe(0);
  });

  test("gives a freed slot to the next task at once, the highest priority first", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const first = await mesh.submit({ type: "work" });
    const offer = await mesh.offerOf(first);
    const low = await mesh.submit({ type: "work", priority: 1 });
    const high = await mesh.submit({ type: "work", priority: 9 });
    await mesh.say(offer, { kind: "accept" });
    await mesh.say(offer, done());
    expect((await mesh.offerOf(high)).taskId).toBe(high);
    expect((await mesh.row(low)).state).toBe("queued");
  });

  test("answers each frame by the order of checks", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const offer = await mesh.offerOf(await mesh.submit({ type: "work" }));
    const refusal = async (word: Parameters<typeof mesh.say>[1], by = offer) => {
      const outcome = await mesh.say(by, word);
      return outcome.kind === "refused" ? [outcome.error.code, outcome.error.reason] : outcome.kind;
    };
    expect(await refusal(done())).toEqual(["failed_precondition", undefined]);
    expect(await refusal({ kind: "accept" }, { ...offer, fence: 0 })).toEqual(["conflict", "stale_assignment"]);
    const nobody = "00000000-0000-7000-8000-000000000000";
    expect(await refusal({ kind: "accept" }, { ...offer, agentId: nobody as never })).toEqual(["not_found", undefined]);
    expect(await refusal({ kind: "accept" }, { ...offer, assignmentId: nobody as never })).toEqual([
      "not_found",
      undefined,
    ]);
    await mesh.say(offer, { kind: "accept" });
    await mesh.say(offer, done());
    expect(await refusal(fail("permanent"))).toEqual(["failed_precondition", undefined]);
  });

  test("offers a rejected task to another agent, uncounted", async () => {
    await using mesh = await openMesh(database());
    const a = await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    const offer = await mesh.offerOf(taskId);
    expect(offer.agentId).toBe(a);
    expect(await mesh.say(offer, { kind: "reject", reason: "not mine" })).toMatchObject({ taskState: "queued" });
    await mesh.engine.sweep();
    expect(await mesh.row(taskId)).toMatchObject({ state: "queued", attempt: 1, counted: 0, uncounted: 1 });
    const b = await mesh.addAgent("b");
    expect(await mesh.offerOf(taskId)).toMatchObject({ agentId: b, fence: 2 });
    expect(await mesh.row(taskId)).toMatchObject({ attempt: 1 });
    expect(await mesh.say(offer, { kind: "accept" })).toMatchObject({
      kind: "refused",
      error: { reason: "stale_assignment" },
    });
  });

  test("takes back what was not accepted, and passes that agent over for a while", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    const offer = await mesh.offerOf(taskId);
    await mesh.backdate(taskId, 10_000);
    await mesh.engine.sweep();
    await mesh.engine.sweep();
    expect(await mesh.row(taskId)).toMatchObject({ state: "queued", counted: 0, uncounted: 1 });
    expect(await mesh.say(offer, { kind: "accept" })).toMatchObject({ error: { reason: "stale_assignment" } });
    await mesh.backdate(taskId, 30_000);
    expect(await mesh.offerOf(taskId)).toMatchObject({ fence: 2 });
  });

  test("counts a lost lease, and fails the task after the last attempt", async () => {
    await using mesh = await openMesh(database());
    const agent = await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work", maxAttempts: 2 });
    for (const attempt of [1, 2]) {
      const offer = await mesh.offerOf(taskId);
      await mesh.say(offer, { kind: "accept" });
      expect(await mesh.row(taskId)).toMatchObject({ attempt });
      await mesh.backdate(taskId, 30_000);
      await mesh.engine.sweep();
      expect(await mesh.say(offer, done())).toMatchObject({ error: { reason: "stale_assignment" } });
    }
    expect(await mesh.row(taskId)).toMatchObject({ state: "failed", counted: 2, error: { class: "retryable" } });
    expect(await mesh.inFlight(agent)).toBe(0);
  });

  test("retries by failure class", async () => {
    await using mesh = await openMesh(database(), { random: () => 0.5 });
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    const tryOnce = async (word: ReturnType<typeof fail>) => {
      const offer = await mesh.offerOf(taskId);
      await mesh.say(offer, { kind: "accept" });
      await mesh.say(offer, word);
    };
    await tryOnce(fail("rate_limited", 5_000));
    expect(await mesh.row(taskId)).toMatchObject({ state: "scheduled", attempt: 1, counted: 0 });
    await mesh.backdate(taskId, 5_000);
    await tryOnce(fail("retryable"));
    expect(await mesh.row(taskId)).toMatchObject({ state: "scheduled", attempt: 1, counted: 1 });
    await mesh.backdate(taskId, 500);
    await tryOnce(fail("permanent"));
    expect(await mesh.row(taskId)).toMatchObject({ state: "failed", attempt: 2, error: { class: "permanent" } });
    expect(await mesh.engine.redrive({ tenantId: mesh.tenantId, taskId })).toMatchObject({ taskState: "queued" });
    expect(await mesh.offerOf(taskId)).toMatchObject({ fence: 4 });
    expect(await mesh.row(taskId)).toMatchObject({ attempt: 1 });
  });

  test("never takes an output that misses the schema", async () => {
    await using mesh = await openMesh(database(), { random: () => 0 });
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work", outputSchema: { type: "object", required: ["score"] } });
    const offer = await mesh.offerOf(taskId);
    await mesh.say(offer, { kind: "accept" });
    expect(await mesh.say(offer, done({}))).toMatchObject({
      error: { code: "invalid_argument", reason: "output_schema" },
    });
    expect(await mesh.row(taskId)).toMatchObject({ state: "running" });
    await mesh.say(offer, done({}));
    expect(await mesh.say(offer, done({}))).toMatchObject({ error: { reason: "output_schema" } });
    expect(await mesh.row(taskId)).toMatchObject({ state: "scheduled", counted: 1 });
    const second = await mesh.offerOf(taskId);
    await mesh.say(second, { kind: "accept" });
    expect(await mesh.say(second, done({ score: 1 }))).toMatchObject({ taskState: "completed" });
  });

  test("holds dependents back, and lets them go or fail with what they wait for", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a", { maxConcurrency: 5 });
    const { results } = await mesh.engine.submitBatch(mesh.context, [
      { type: "work", ref: "a" },
      { type: "work", ref: "b", dependsOn: ["ref:a"] },
      { type: "work", ref: "x", dependsOn: ["ref:y"] },
      { type: "work", ref: "y", dependsOn: ["ref:x"] },
      { type: "nobody", ref: "c" },
      { type: "work", dependsOn: ["ref:c", "ref:b"] },
    ]);
    const ids = results.map((result) => ("task" in result ? result.task.id : undefined)) as TaskId[];
    expect(results[2]).toMatchObject({
      error: { code: "invalid_argument", message: expect.stringContaining("x → y → x") },
    });
    const [a, b, , , c, last] = ids as [TaskId, TaskId, unknown, unknown, TaskId, TaskId];
    expect((await mesh.row(b)).state).toBe("blocked");
    const offer = await mesh.offerOf(a);
    await mesh.say(offer, { kind: "accept" });
    await mesh.say(offer, done());
    expect((await mesh.offerOf(b)).taskId).toBe(b);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: c }, "test");
    expect(await mesh.row(last)).toMatchObject({ state: "failed", error: { class: "dependency" } });
  });

  test("refuses an unknown dependency and a passed deadline", async () => {
    await using mesh = await openMesh(database());
    const nobody = "00000000-0000-7000-8000-000000000000";
    await expect(mesh.submit({ type: "work", dependsOn: [nobody] })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(mesh.submit({ type: "work", deadline: "2020-01-01T00:00:00Z" })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("cancels wherever a task stands, and tells the agent", async () => {
    const mailed: unknown[] = [];
    await using mesh = await openMesh(database(), { hints: { mailed: (agents) => mailed.push(...agents) } });
    const agentId = await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    const offer = await mesh.offerOf(taskId);
    await mesh.say(offer, { kind: "accept" });
    const ref = { tenantId: mesh.tenantId, taskId };
    expect(await mesh.engine.cancel(ref, "asked")).toMatchObject({ taskState: "cancelled" });
    expect(await mesh.engine.cancel(ref, "asked")).toMatchObject({ taskState: "cancelled" });
    expect(mailed).toEqual([{ tenantId: mesh.tenantId, agentId }]);
    expect(await mesh.say(offer, done())).toMatchObject({ error: { reason: "stale_assignment" } });
    expect(await mesh.inFlight(agentId)).toBe(0);
  });

  test("wakes scheduled tasks and ends those past their deadline", async () => {
    await using mesh = await openMesh(database());
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const scheduled = await mesh.submit({ type: "work", notBefore: later });
    const bound = await mesh.submit({ type: "work", deadline: later });
    expect((await mesh.row(scheduled)).state).toBe("scheduled");
    await mesh.backdate(scheduled, 3_600_000);
    await mesh.backdate(bound, 3_600_000);
    await mesh.engine.sweep();
    expect((await mesh.row(scheduled)).state).toBe("queued");
    expect(await mesh.row(bound)).toMatchObject({ state: "failed", error: { class: "deadline" } });
  });

  test("ends an attempt that takes too long", async () => {
    await using mesh = await openMesh(database(), { leaseMs: 3_600_000 });
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work", timeoutMs: 1_000 });
    const offer = await mesh.offerOf(taskId);
    await mesh.say(offer, { kind: "accept" });
    await mesh.backdate(taskId, 1_000);
    await mesh.engine.sweep();
    expect(await mesh.row(taskId)).toMatchObject({ state: "scheduled", counted: 1 });
  });

  test("answers a repeated submit from the first", async () => {
    await using mesh = await openMesh(database());
    const context = { ...mesh.context, idempotencyKey: "k" };
    const submits = await Promise.all(
      [1, 2, 3].map(() => mesh.engine.submit(context, { type: "work", input: { a: 1, b: 2 } })),
    );
    expect(new Set(submits.map(({ task }) => task.id)).size).toBe(1);
    expect(submits.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    const again = await mesh.engine.submit(context, { type: "work", input: { b: 2, a: 1 } });
    expect(again).toMatchObject({ isReplay: true, task: { id: submits[0]?.task.id } });
    await expect(mesh.engine.submit(context, { type: "work", input: 3 })).rejects.toMatchObject({
      reason: "idempotency_key_reused",
    });
  });

  test("never fills an agent beyond its slots, however many engines assign", async () => {
    await using mesh = await openMesh(database());
    const agents = await Promise.all(["a", "b", "c"].map((name) => mesh.addAgent(name, { maxConcurrency: 3 })));
    await Promise.all(Array.from({ length: 40 }, () => mesh.submit({ type: "work" })));
    const loads = (): Promise<readonly number[]> => Promise.all(agents.map((agent) => mesh.inFlight(agent)));
    await waitFor(async () => (await loads()).every((load) => load >= 3));
    for (let round = 0; round < 5; round++) await mesh.engine.sweep();
    expect(await loads()).toEqual([3, 3, 3]);
  });
});
