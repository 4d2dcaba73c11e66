import { randomUUID } from "node:crypto";
import type { AskedQuestion, TaskId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Envelope, envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

const nobody = "019ad9b5-6c00-7000-8000-000000000001";

describe("questions to people", () => {
  let rest: RestHarness;
  beforeAll(async () => {
    rest = await openRest();
    await rest.connectAgent("asker", "ask.me");
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  /** A task that waits for an answer. */
  async function waiting(more: Partial<AskedQuestion> = {}, task: object = {}): Promise<TaskId> {
    const { data } = await envelopeOf(await rest.ask("POST", "/tasks", { type: "ask.me", ...task }));
    const { assignment, assignedAgent } = await rest.assigned(data.id);
    if (assignment === undefined || assignedAgent === undefined) throw new Error("not assigned");
    const { id: assignmentId, fence } = assignment;
    const about = { tenantId: rest.tenantId, assignmentId, agentId: assignedAgent.id, fence };
    await rest.engine.perform({ ...about, word: { kind: "accept" } });
    const question = { question: "go on?", timeoutMs: 60_000, onTimeout: "fail" } as const;
    const word = { kind: "ask", id: randomUUID(), requestId: "r", ...question, ...more } as const;
    await rest.engine.perform({ ...about, word });
    return data.id;
  }
  const told = async (response: Response): Promise<Envelope & { readonly status: number }> => ({
    ...(await envelopeOf(response)),
    status: response.status,
  });
  const answer = async (id: string, body: unknown) => told(await rest.ask("POST", `/tasks/${id}/answer`, body));
  const attention = async (query = "") => told(await rest.ask("GET", `/attention${query}`));

  test("attention lists what waits, and the answer sends the task on", async () => {
    const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
    const id = await waiting({ schema, default: { ok: false } }, { title: "t", labels: ["l"] });
    const { data, meta } = await attention("?label=l&type=ask.me&agent=asker");
    expect(meta).toEqual({});
    expect(data).toEqual([
      {
        taskId: id,
        type: "ask.me",
        title: "t",
        labels: ["l"],
        agent: { id: expect.any(String), name: "asker" },
        assignmentId: expect.any(String),
        questionId: expect.any(String),
        question: "go on?",
        schema,
        askedAt: expect.stringMatching(/Z$/),
        timeoutAt: expect.stringMatching(/Z$/),
        onTimeout: "fail",
        default: { ok: false },
      },
    ]);
    const task = await told(await rest.ask("GET", `/tasks/${id}`));
    expect(task.data).toMatchObject({ state: "waiting", question: { id: data[0].questionId, schema } });
    const [listed] = (await envelopeOf(await rest.ask("GET", "/tasks?state=waiting&label=l"))).data;
    expect(listed.id).toBe(id);
    expect(listed).not.toHaveProperty("question");
    const answered = await answer(id, { answer: { ok: true }, questionId: data[0].questionId });
    expect(answered.status).toBe(200);
    expect(answered.data).toMatchObject({
      state: "running",
      answers: [{ question: "go on?", answer: { ok: true }, answeredBy: { kind: "svc", id: expect.any(String) } }],
    });
    expect((await attention("?label=l")).data).toEqual([]);
    const events = await envelopeOf(await rest.ask("GET", `/tasks/${id}/events`));
    expect(events.data.map(({ type }: { type: string }) => type).slice(-2)).toEqual(["task.waiting", "task.answered"]);
  });

  test("a key that is bound to the agent that asked does not answer; one of another agent does", async () => {
    const id = await waiting();
    const answerAs = async (agentName: string) => {
      const authorization = `Bearer ${await rest.createKey({ agentName })}`;
      return told(await rest.ask("POST", `/tasks/${id}/answer`, { answer: true }, { authorization }));
    };
    const own = await answerAs("asker");
    expect(own).toMatchObject({ status: 403, error: { code: "permission_denied", reason: "own_question" } });
    expect(await answerAs("another")).toMatchObject({ status: 200, data: { state: "running" } });
  });

  test("an answer that misses the schema is told how, and may be given again", async () => {
    const id = await waiting({ schema: { type: "string", enum: ["a", "b"] } });
    const wrong = await answer(id, { answer: "c" });
    expect(wrong).toMatchObject({
      status: 400,
      error: {
        code: "invalid_argument",
        reason: "answer_schema",
        details: [{ path: "", message: expect.any(String) }],
      },
    });
    expect(await answer(id, { answer: "a" })).toMatchObject({ status: 200, data: { state: "running" } });
  });

  test.each<[string, unknown, string | undefined]>([
    ["no body", undefined, undefined],
    ["no object", [], undefined],
    ["no answer", {}, "answer"],
    ["a question that is no id", { answer: 1, questionId: "q" }, "questionId"],
    ["too large an answer", { answer: "x".repeat(65_535) }, "answer"],
  ])("refuses %s, and the task goes on waiting", async (_, body, path) => {
    const id = await waiting();
    const refused = await answer(id, body);
    expect(refused).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    if (path !== undefined) expect(refused.error?.details).toMatchObject([{ path }]);
    expect(await answer(id, { answer: null })).toMatchObject({ status: 200 });
  });

  test("has one answer of two at once, and none where it waits for none", async () => {
    const id = await waiting();
    const both = await Promise.all([answer(id, { answer: 1 }), answer(id, { answer: 2 })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(both.find(({ status }) => status === 409)?.error).toMatchObject({ code: "failed_precondition" });
    const changed = await waiting();
    const other = await answer(changed, { answer: 1, questionId: nobody });
    expect(other).toMatchObject({ status: 409, error: { code: "failed_precondition", reason: "question_changed" } });
    await rest.ask("POST", `/tasks/${changed}/cancel`);
    const late = await answer(changed, { answer: 1 });
    expect(late).toMatchObject({
      status: 409,
      error: { code: "failed_precondition", message: expect.stringContaining("is cancelled") },
    });
  });

  test("belongs to its tenant, and to who may write", async () => {
    const id = await waiting();
    for (const unknown of [nobody, "nobody"]) {
      expect(await answer(unknown, { answer: 1 })).toMatchObject({ status: 404, error: { code: "not_found" } });
    }
    const asked = async (key: string, method: string, path: string): Promise<number> => {
      const headers = { "x-api-key": key, "content-type": "application/json" };
      const body = method === "POST" ? { body: JSON.stringify({ answer: 1 }) } : {};
      return (await rest.app.request(`/api/v1${path}`, { method, headers, ...body })).status;
    };
    const stranger = await rest.createKey({ tenantId: await rest.createTenant() });
    expect(await asked(stranger, "POST", `/tasks/${id}/answer`)).toBe(404);
    const reader = await rest.createKey({ scopes: ["tasks:read"] });
    expect(await asked(reader, "POST", `/tasks/${id}/answer`)).toBe(403);
    expect(await asked(reader, "GET", "/attention")).toBe(200);
    expect(await asked(await rest.createKey({ scopes: ["tasks:write"] }), "GET", "/attention")).toBe(403);
    const list = await rest.app.request("/api/v1/attention", { headers: { "x-api-key": stranger } });
    expect((await envelopeOf(list)).data).toEqual([]);
    expect(await answer(id, { answer: 1 })).toMatchObject({ status: 200 });
  });

  test("attention pages the oldest first, and refuses what it does not know", async () => {
    // the slots of the other are taken by what was answered
    await rest.connectAgent("asker-2", "ask.me");
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push(await waiting({}, { labels: ["paged"] }));
    const first = await attention("?label=paged&limit=2");
    const second = await attention(`?label=paged&limit=2&cursor=${first.meta?.nextCursor}`);
    const seen = [...first.data, ...second.data].map(({ taskId }: { taskId: string }) => taskId);
    expect(seen).toEqual(ids);
    expect(second.meta).toEqual({});
    for (const query of ["?limit=0", "?limit=x", "?cursor=x", "?state=waiting", "?label=", "?type=a%20b"]) {
      expect(await attention(query)).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    }
  });
});
