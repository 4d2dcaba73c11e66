import type { TaskId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

describe("the task routes", () => {
  let rest: RestHarness;
  beforeAll(async () => {
    rest = await openRest();
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  const submit = async (task: unknown, headers?: Record<string, string>): Promise<Response> =>
    rest.ask("POST", "/tasks", task, headers);
  const submitted = async (task: unknown): Promise<TaskId> => (await envelopeOf(await submit(task))).data.id;

  test("submit answers 201, the task with its defaults, and where it is", async () => {
    const response = await submit({ type: "text.summarize", input: { a: 1 } });
    expect(response.status).toBe(201);
    const { data } = await envelopeOf(response);
    expect(data).toMatchObject({ type: "text.summarize", state: "queued", priority: 5, maxAttempts: 3, attempt: 0 });
    expect(data.requirements).toEqual({ capabilities: ["text.summarize"], minLevel: 1, tags: {} });
    expect(response.headers.get("location")).toBe(`/api/v1/tasks/${data.id}`);
    const got = await envelopeOf(await rest.ask("GET", `/tasks/${data.id}`));
    expect(got.data.input).toEqual({ a: 1 });
    expect(got.data.unassignedBecause).toMatchObject({ reason: expect.any(String), message: expect.any(String) });
  });

  test("users' JSON comes back as it was", async () => {
    const text = '{"__proto__":{"x":1},"nul":"\\u0000","lone":"\\ud800","big":9007199254740991,"constructor":{"a":[]}}';
    const response = await rest.app.request("/api/v1/tasks", {
      method: "POST",
      headers: { "x-api-key": await rest.createKey(), "content-type": "application/json; charset=UTF-8" },
      body: `{"type":"echo","input":${text}}`,
    });
    expect(response.status).toBe(201);
    const id = (await envelopeOf(response)).data.id;
    const whole = await (await rest.ask("GET", `/tasks/${id}`)).text();
    expect(JSON.stringify(JSON.parse(whole).data.input)).toBe(JSON.stringify(JSON.parse(text)));
    expect(Object.hasOwn(JSON.parse(whole).data.input, "__proto__")).toBe(true);
  });

  test("a batch answers for each task in order, and a bad one stops no other", async () => {
    const response = await rest.ask("POST", "/tasks/batch", {
      tasks: [{ type: "a", ref: "first" }, { type: "" }, { type: "b", dependsOn: ["ref:first"] }],
    });
    expect(response.status).toBe(200);
    const { data } = await envelopeOf(response);
    expect(data).toHaveLength(3);
    expect(data[0].task).toMatchObject({ type: "a", ref: "first" });
    expect(data[1].error).toMatchObject({ code: "invalid_argument", requestId: expect.any(String) });
    expect(data[2].task).toMatchObject({ state: "blocked", dependsOn: [data[0].task.id] });
  });

  test("the same idempotency key answers the first result again, and another body is a conflict", async () => {
    const headers = { "idempotency-key": "once" };
    const first = await envelopeOf(await submit({ type: "once", input: { b: 1, a: 2 } }, headers));
    const again = await rest.app.request("/api/v1/tasks", {
      method: "POST",
      headers: { ...headers, "x-api-key": await rest.createKey(), "content-type": "application/json" },
      body: '{"type":"once","input":{"a":2,"b":1}}',
    });
    expect(again.headers.get("idempotent-replay")).toBeNull(); // another key's principal
    const replay = await submit({ input: { a: 2, b: 1 }, type: "once" }, headers);
    expect(replay.status).toBe(201);
    expect(replay.headers.get("idempotent-replay")).toBe("true");
    expect(await envelopeOf(replay)).toEqual(first);
    const reused = await submit({ type: "other" }, headers);
    expect(reused.status).toBe(409);
    expect((await envelopeOf(reused)).error).toMatchObject({ code: "conflict", reason: "idempotency_key_reused" });
  });

  test("lists page by key, newest first, and filter", async () => {
    const label = `page-${Date.now()}`;
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await submitted({ type: "paged", labels: [label], input: n }));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const more = cursor === undefined ? "" : `&cursor=${cursor}`;
      const { data, meta } = await envelopeOf(await rest.ask("GET", `/tasks?label=${label}&limit=2${more}`));
      for (const task of data) {
        seen.push(task.id);
        expect(task.input).toBeUndefined();
      }
      cursor = meta?.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    const exact = await envelopeOf(await rest.ask("GET", `/tasks?label=${label}&limit=5&state=queued&type=paged`));
    expect(exact.data).toHaveLength(5);
    expect(exact.meta).toEqual({});
    const none = await envelopeOf(await rest.ask("GET", `/tasks?label=${label}&createdAfter=2999-01-01T00:00:00Z`));
    expect(none.data).toEqual([]);
  });

  test("history, wait and the final state agree", async () => {
    await rest.connectAgent("worker-1", "do.it");
    const id = await submitted({ type: "do.it" });
    const waiting = rest.ask("GET", `/tasks/${id}/wait?timeoutMs=20000`);
    await rest.complete(id, { done: true });
    const { data } = await envelopeOf(await waiting);
    expect(data).toMatchObject({ state: "completed", output: { done: true }, assignedAgent: { name: "worker-1" } });
    expect(data.assignment.why.candidates[0].agent.name).toBe("worker-1");
    const events = await envelopeOf(await rest.ask("GET", `/tasks/${id}/events`));
    const types = events.data.map(({ type }: { type: string }) => type);
    expect(types[0]).toBe("task.created");
    expect(types.at(-1)).toBe("task.completed");
    const { data: firstTwo, meta } = await envelopeOf(await rest.ask("GET", `/tasks/${id}/events?limit=2`));
    const rest2 = await envelopeOf(await rest.ask("GET", `/tasks/${id}/events?cursor=${meta?.nextCursor}`));
    expect([...firstTwo, ...rest2.data]).toEqual(events.data);
  });

  test("wait answers the present state after its time, and at once when asked for none", async () => {
    const id = await submitted({ type: "never.done" });
    for (const timeoutMs of [0, 50]) {
      const response = await rest.ask("GET", `/tasks/${id}/wait?timeoutMs=${timeoutMs}`);
      expect(response.status).toBe(200);
      expect((await envelopeOf(response)).data.state).toBe("queued");
    }
    expect(rest.deps.waiters.size).toBe(0);
  });

  test("cancel ends a task, leaves a final one as it is, and only a failed one is retried", async () => {
    const id = await submitted({ type: "cancel.me" });
    const cancelled = await rest.ask("POST", `/tasks/${id}/cancel`, { reason: "not needed" });
    expect((await envelopeOf(cancelled)).data.state).toBe("cancelled");
    const again = await rest.ask("POST", `/tasks/${id}/cancel`);
    expect(again.status).toBe(200);
    expect((await envelopeOf(again)).data.state).toBe("cancelled");
    const retried = await rest.ask("POST", `/tasks/${id}/retry`);
    expect(retried.status).toBe(409);
    expect((await envelopeOf(retried)).error?.code).toBe("failed_precondition");

    await rest.connectAgent("fails", "fail.me");
    const failing = await submitted({ type: "fail.me" });
    const { assignment, assignedAgent } = await rest.assigned(failing);
    if (assignment === undefined || assignedAgent === undefined) throw new Error("not assigned");
    const about = {
      tenantId: rest.tenantId,
      assignmentId: assignment.id,
      agentId: assignedAgent.id,
      fence: assignment.fence,
    };
    await rest.engine.perform({ ...about, word: { kind: "accept" } });
    await rest.engine.perform({
      ...about,
      word: { kind: "fail", class: "permanent", message: "no", usage: undefined },
    });
    const redriven = await rest.ask("POST", `/tasks/${failing}/retry`);
    expect(redriven.status).toBe(200);
    expect(["queued", "assigned"]).toContain((await envelopeOf(redriven)).data.state);
  });

  test("another tenant's task is not found, on every route", async () => {
    const id = await submitted({ type: "mine" });
    const key = await rest.createKey({ tenantId: await rest.createTenant() });
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/events"],
      ["GET", "/stream"],
      ["GET", "/wait"],
      ["POST", "/cancel"],
      ["POST", "/retry"],
    ] as const) {
      const response = await rest.app.request(`/api/v1/tasks/${id}${path}`, { method, headers: { "x-api-key": key } });
      expect([path, response.status]).toEqual([path, 404]);
    }
    const list = await rest.app.request("/api/v1/tasks", { headers: { "x-api-key": key } });
    expect((await envelopeOf(list)).data).toEqual([]);
  });
});
