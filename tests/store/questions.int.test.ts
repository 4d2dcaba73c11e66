import { randomUUID } from "node:crypto";
import type { ApiKeyId, AskedQuestion, TaskId } from "@devmesh/models";
import { attentionReads, type Database, deliveryRepository, sql, taskReads } from "@devmesh/repositories";
import type { AgentWord, GivenAnswer, Outcome } from "@devmesh/tasks";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

const answeredBy = { kind: "svc", id: randomUUID() as ApiKeyId } as const;
const done = { kind: "complete", output: "42", artifacts: undefined, usage: undefined } as const;
const page = { limit: 10 };

function asking(more: Partial<AskedQuestion> = {}): AgentWord {
  const question = { question: "go on?", timeoutMs: 60_000, onTimeout: "fail" } as const;
  return { kind: "ask", id: randomUUID(), requestId: randomUUID(), ...question, ...more };
}

/** A task that its agent, the only one, works on. */
async function start(mesh: Mesh, submission: Record<string, unknown> = {}): Promise<Offer> {
  const offer = await mesh.offerOf(await mesh.submit({ type: "work", ...submission }));
  await mesh.say(offer, { kind: "accept" });
  return offer;
}

const answer = (mesh: Mesh, taskId: TaskId, given: Partial<GivenAnswer> = {}): Promise<Outcome> =>
  mesh.engine.answer({ tenantId: mesh.tenantId, taskId }, { answer: true, answeredBy, ...given });

/** What waits for an agent, as its node would read it. */
const mailOf = (database: Database, { tenantId }: Mesh, { agentId }: Offer) =>
  deliveryRepository(database).findFrames([{ tenantId, agentId, afterSeq: 0, resume: true }], 10);

describeEachDriver("a question to a person", (database) => {
  test("is listed, answered, brought to the agent and kept with the task", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("asker");
    const offer = await start(mesh, { title: "t", labels: ["l"] });
    const { taskId, assignmentId } = offer;
    const schema = { type: "object", required: ["ok"] };
    const asked = await mesh.say(offer, asking({ schema, default: { ok: 1 } }));
    expect(asked).toMatchObject({ kind: "recorded", taskState: "waiting", duplicate: false, leaseUntil: undefined });
    const attention = attentionReads(database());
    const [item, ...others] = await attention.list(mesh.tenantId, {}, page);
    expect(others).toEqual([]);
    expect(item).toMatchObject({ taskId, assignmentId, type: "work", title: "t", labels: ["l"], schema });
    expect(item).toMatchObject({ question: "go on?", onTimeout: "fail", default: { ok: 1 } });
    expect(item?.agent).toEqual({ id: agentId, name: "asker" });
    expect(Date.parse(item?.timeoutAt ?? "") - Date.parse(item?.askedAt ?? "")).toBe(60_000);
    const read = async () => (await taskReads(database()).get(mesh.tenantId, [taskId], "whole"))[0];
    const waiting = await read();
    expect(waiting).toMatchObject({ state: "waiting", question: { id: item?.questionId, question: "go on?" } });
    expect(waiting?.assignment).not.toHaveProperty("leaseUntil");
    const given = JSON.parse('{"ok":"\\u0000","__proto__":1}');
    expect(await answer(mesh, taskId, { answer: given })).toMatchObject({ kind: "recorded", taskState: "running" });
    expect(await attention.list(mesh.tenantId, {}, page)).toEqual([]);
    const [, mail] = await mailOf(database(), mesh, offer);
    expect(mail).toMatchObject({ kind: "mail", seq: 2, type: 0x0303 });
    expect(mail).toMatchObject({
      payload: { messageId: item?.questionId, kind: "task.answer", correlationId: assignmentId },
    });
    const content = mail?.kind === "mail" ? mail.payload["content"] : undefined;
    expect(JSON.stringify(content)).toBe(JSON.stringify({ taskId, assignmentId, answer: given }));
    const running = await read();
    expect(running).not.toHaveProperty("question");
    expect(running?.assignment?.leaseUntil).toBeDefined();
    expect(running?.answers).toMatchObject([
      { questionId: item?.questionId, assignmentId, question: "go on?", answeredBy },
    ]);
    expect(JSON.stringify(running?.answers?.[0]?.answer)).toBe(JSON.stringify(given));
    expect(await mesh.say(offer, done)).toMatchObject({ taskState: "completed" });
    expect(await mesh.events(taskId)).toEqual([
      "created",
      "queued",
      "assigned",
      "accepted",
      "waiting",
      "answered",
      "completed",
    ]);
    expect((await read())?.answers).toHaveLength(1);
  });

  test("keeps its assignment without a lease, and gives a whole one with the answer", async () => {
    await using mesh = await openMesh(database(), { leaseMs: 2_000 });
    const agentId = await mesh.addAgent("a");
    const offer = await start(mesh, { timeoutMs: 600_000 });
    await mesh.say(offer, asking({ timeoutMs: 86_400_000 }));
    await mesh.backdate(offer.taskId, 3_600_000);
    await mesh.engine.sweep();
    expect(await mesh.row(offer.taskId)).toMatchObject({ state: "waiting", counted: 0 });
    expect(await mesh.inFlight(agentId)).toBe(1);
    await answer(mesh, offer.taskId);
    await mesh.engine.sweep();
    expect(await mesh.row(offer.taskId)).toMatchObject({ state: "running" });
    await mesh.backdate(offer.taskId, 2_000);
    await mesh.engine.sweep();
    expect(await mesh.events(offer.taskId)).toContain("lease_expired");
  });

  test("refuses what can't be asked or answered, and goes on as before", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const offer = await start(mesh);
    const { taskId } = offer;
    const invalid = (path: string) => ({ code: "invalid_argument", details: [{ path }] });
    const ask = (more: Partial<AskedQuestion>) => mesh.say(offer, asking(more));
    await expect(ask({ schema: { type: "no such type" } })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^schema: /),
    });
    await expect(ask({ schema: { $ref: "https://example.com/a.json" } })).rejects.toMatchObject(invalid("schema"));
    await expect(ask({ schema: { description: "x".repeat(65_536) } })).rejects.toMatchObject(invalid("schema"));
    await expect(ask({ default: "x".repeat(65_536) })).rejects.toMatchObject(invalid("default"));
    const misfit = { schema: { required: ["a"] }, default: {}, onTimeout: "default" } as const;
    await expect(ask(misfit)).rejects.toMatchObject(invalid("default"));
    expect(await answer(mesh, taskId)).toMatchObject({ error: { code: "failed_precondition" } });
    await ask({ schema: { type: "object", properties: { n: { type: "integer" } } } });
    await expect(answer(mesh, taskId, { answer: "x".repeat(65_536) })).rejects.toMatchObject(invalid("answer"));
    const refused = { code: "invalid_argument", reason: "answer_schema", details: [{ path: "/n" }] };
    expect(await answer(mesh, taskId, { answer: { n: 1.5 } })).toMatchObject({ error: refused });
    expect(await answer(mesh, taskId, { answer: { n: 1 }, questionId: randomUUID() })).toMatchObject({
      error: { code: "failed_precondition", reason: "question_changed" },
    });
    expect(await mesh.say(offer, done)).toMatchObject({ error: { code: "failed_precondition" } });
    expect((await mesh.row(taskId)).state).toBe("waiting");
    await using other = await openMesh(database());
    expect(await answer(other, taskId, { answer: { n: 1 } })).toMatchObject({ error: { code: "not_found" } });
    expect(await attentionReads(database()).list(other.tenantId, {}, page)).toEqual([]);
    expect(await answer(mesh, taskId, { answer: { n: 1 } })).toMatchObject({ taskState: "running" });
  });

  test("has one answer of two at once, with a schema and without", async () => {
    await using mesh = await openMesh(database());
    await using beside = await openMesh(database(), { tenantId: mesh.tenantId });
    await mesh.addAgent("a");
    const offer = await start(mesh);
    for (const schema of [undefined, { type: "integer" }]) {
      await mesh.say(offer, asking({ schema }));
      const outcomes = await Promise.all(
        [mesh, beside, mesh, beside].map((one, index) => answer(one, offer.taskId, { answer: index })),
      );
      expect(outcomes.filter(({ kind }) => kind === "recorded")).toHaveLength(1);
      const refused = outcomes.filter(({ kind }) => kind === "refused");
      expect(refused).toMatchObject(Array(3).fill({ error: { code: "failed_precondition" } }));
    }
    const [task] = await taskReads(database()).get(mesh.tenantId, [offer.taskId], "whole");
    expect(task?.answers).toHaveLength(2);
  });

  test("that nobody answers ends as the task chose, and the agent hears of it", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("a", { maxConcurrency: 3 });
    const timeOut = async (more: Partial<AskedQuestion>): Promise<Offer> => {
      const offer = await start(mesh, { maxAttempts: 2 });
      await mesh.say(offer, asking(more));
      await mesh.backdate(offer.taskId, 60_000);
      await mesh.engine.sweep();
      return offer;
    };
    const failed = await timeOut({ onTimeout: "fail" });
    expect(await mesh.row(failed.taskId)).toMatchObject({ state: "failed", error: { class: "input_timeout" } });
    expect(await mesh.say(failed, done)).toMatchObject({ error: { reason: "stale_assignment" } });
    const requeued = await timeOut({ onTimeout: "requeue" });
    expect(await mesh.offerOf(requeued.taskId)).toMatchObject({ fence: 2 });
    expect(await mesh.row(requeued.taskId)).toMatchObject({ attempt: 2, counted: 1 });
    const fallen = await timeOut({ onTimeout: "default", default: null });
    expect((await mesh.row(fallen.taskId)).state).toBe("running");
    const [task] = await taskReads(database()).get(mesh.tenantId, [fallen.taskId], "whole");
    expect(task?.answers).toMatchObject([{ answer: null, answeredBy: { kind: "default" } }]);
    const mailed = (
      await database().queryAs<{ type: number; payload: { reason?: string; kind?: string } }>(
        { role: "devmesh_app", tenants: [mesh.tenantId] },
        sql`select type, payload from mailbox where agent_id = ${agentId} order by seq`,
      )
    ).rows.map(({ type, payload }) => [type, payload.reason ?? payload.kind]);
    expect(mailed).toEqual([
      [0x0207, "input_timeout"],
      [0x0207, "input_timeout"],
      [0x0303, "task.answer"],
    ]);
    expect(await attentionReads(database()).list(mesh.tenantId, {}, page)).toEqual([]);
  });

  test("ends with a cancel, and can't be answered after that", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("a");
    const offer = await start(mesh);
    await mesh.say(offer, asking());
    const ref = { tenantId: mesh.tenantId, taskId: offer.taskId };
    expect(await mesh.engine.cancel(ref, "asked")).toMatchObject({ taskState: "cancelled" });
    expect(await answer(mesh, offer.taskId)).toMatchObject({ error: { code: "failed_precondition" } });
    expect(await attentionReads(database()).list(mesh.tenantId, {}, page)).toEqual([]);
    expect(await mesh.inFlight(agentId)).toBe(0);
  });

  test("that has its answer is not asked again: the next assignment brings it along", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const offer = await start(mesh);
    await mesh.say(offer, asking());
    await answer(mesh, offer.taskId, { answer: "yes" });
    await mesh.backdate(offer.taskId, 30_000);
    await mesh.engine.sweep();
    const second = await mesh.offerOf(offer.taskId);
    const frames = await mailOf(database(), mesh, second);
    const assign = frames.find((frame) => frame.kind === "assign");
    expect(assign).toMatchObject({
      assignmentId: second.assignmentId,
      task: { answers: [{ assignmentId: offer.assignmentId, question: "go on?", answer: "yes" }] },
    });
  });

  test("pages the oldest question first, by type, agent and label", async () => {
    await using mesh = await openMesh(database());
    const work = await mesh.addAgent("worker", { maxConcurrency: 5 });
    await mesh.addAgent("other", { capabilities: [{ name: "play" }] });
    const offers: Offer[] = [];
    for (const more of [{ labels: ["x"] }, { type: "play" }, { labels: ["x", "y"] }, {}]) {
      const offer = await start(mesh, more);
      await mesh.say(offer, asking());
      offers.push(offer);
    }
    const [first, play, second, third] = offers.map(({ taskId }) => taskId);
    const { list } = attentionReads(database());
    const ids = async (filter: Parameters<typeof list>[1], more: Partial<Parameters<typeof list>[2]> = {}) =>
      (await list(mesh.tenantId, filter, { ...page, ...more })).map(({ taskId }) => taskId);
    expect(await ids({})).toEqual([first, play, second, third]);
    expect(await ids({ type: "play" })).toEqual([play]);
    expect(await ids({ agent: "worker" })).toEqual([first, second, third]);
    expect(await ids({ agent: work.toUpperCase(), label: "x" })).toEqual([first, second]);
    expect(await ids({ agent: "nobody" })).toEqual([]);
    const [, , last] = await list(mesh.tenantId, {}, { limit: 3 });
    const after = { at: last?.askedAt ?? "", id: last?.assignmentId ?? "" };
    expect(await ids({}, { after })).toEqual([third]);
  });

  test("is found by the index of what waits", async () => {
    await using mesh = await openMesh(database());
    const plan: string[] = [];
    const explaining: Database = {
      ...database(),
      queryAs: async (scope, statement) => {
        const { rows } = await database().queryAs<Record<string, string>>(scope, sql`explain ${statement}`);
        plan.push(...rows.map((row) => row["QUERY PLAN"] ?? ""));
        return { rows: [], rowCount: 0 };
      },
    };
    const after = { at: new Date().toISOString(), id: randomUUID() };
    await attentionReads(explaining).list(mesh.tenantId, {}, { ...page, after });
    expect(plan.join("\n")).toMatch(/Index Scan using assignment_asked/);
    expect(plan.join("\n")).not.toMatch(/Sort/);
  });
});
