import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

const nobody = "019ad9b5-6c00-7000-8000-000000000001";

let rest: RestHarness;
beforeAll(async () => {
  rest = await openRest();
});
afterAll(() => rest[Symbol.asyncDispose]());

async function ask(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const response = await rest.ask(method, path, body, headers);
  const { data, error, meta } = (await envelopeOf(response)) as {
    data?: unknown;
    error?: { code: string; message: string };
    meta?: { nextCursor?: string };
  };
  return { status: response.status, data, error, meta };
}

const made = async (path: string, body: unknown): Promise<{ id: string }> => {
  const { status, data } = await ask("POST", path, body);
  expect(status).toBe(201);
  return data as { id: string };
};

describe("limits over HTTP", () => {
  test("are made, read, listed in pages, changed and removed", async () => {
    const limit = await made("/limits", { kind: "type", value: "crud.a", maxInFlight: 2 });
    expect(limit).toMatchObject({ kind: "type", value: "crud.a", maxInFlight: 2, inFlight: 0 });
    expect(await ask("POST", "/limits", { kind: "type", value: "crud.a", maxInFlight: 9 })).toMatchObject({
      status: 409,
      error: { code: "conflict", message: 'there is a limit of the type "crud.a" already' },
    });
    const other = await made("/limits", { kind: "label", value: "crud b", maxInFlight: 0 });
    const first = await ask("GET", "/limits?limit=1");
    expect(first.data).toMatchObject([{ id: other.id }]);
    const second = await ask("GET", `/limits?limit=1&cursor=${first.meta?.nextCursor}`);
    expect(second.data).toMatchObject([{ id: limit.id }]);
    expect(await ask("PATCH", `/limits/${limit.id}`, { maxInFlight: 7 })).toMatchObject({ data: { maxInFlight: 7 } });
    expect(await ask("GET", `/limits/${limit.id.toUpperCase()}`)).toMatchObject({ data: { maxInFlight: 7 } });
    expect(await ask("DELETE", `/limits/${limit.id}`)).toMatchObject({ status: 200, data: { id: limit.id } });
    expect(await ask("DELETE", `/limits/${limit.id}`)).toMatchObject({ status: 404, error: { code: "not_found" } });
    await ask("DELETE", `/limits/${other.id}`);
  });

  test.each([
    ["/limits", { kind: "label", value: "once", maxInFlight: 1 }, { maxInFlight: 2 }],
    ["/budgets", { scope: "tenant", unit: "tokens", period: "month", cap: 1_000_000 }, { cap: 2_000_000 }],
  ])("of POST %s with one key, many at once make one", async (path, body, other) => {
    const key = { "idempotency-key": randomUUID() };
    const post = (asked: unknown, headers = key): Promise<Response> =>
      Promise.resolve(rest.ask("POST", path, asked, headers));
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(body)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(answers.filter(({ headers }) => headers.get("idempotent-replay") === "true")).toHaveLength(4);
    const [first, ...others] = await Promise.all(answers.map(async (one) => (await envelopeOf(one)).data));
    for (const one of others) expect(one).toEqual(first);
    const { id } = first as { id: string };
    expect(answers[0]?.headers.get("location")).toBe(`/api/v1${path}/${id}`);
    expect((await ask("GET", `${path}/${id}`)).data).toEqual(first);
    expect(await ask("POST", path, { ...body, ...other }, key)).toMatchObject({
      status: 409,
      error: { code: "conflict", reason: "idempotency_key_reused" },
    });
    // what is refused leaves its key unused
    const later = { "idempotency-key": randomUUID() };
    expect(await ask("POST", path, body, later)).toMatchObject({ status: 409, error: { code: "conflict" } });
    await ask("DELETE", `${path}/${id}`);
    expect((await ask("POST", path, body, key)).data).toEqual(first);
    const again = await ask("POST", path, body, later);
    expect(again.status).toBe(201);
    await ask("DELETE", `${path}/${(again.data as { id: string }).id}`);
    expect((await ask("POST", path, body, { "idempotency-key": "k".repeat(256) })).status).toBe(400);
  });

  test("hold tasks back, say so, and let them go when raised or removed", async () => {
    await rest.connectAgent("limited", "limited.work");
    const limit = await made("/limits", { kind: "type", value: "limited.work", maxInFlight: 0 });
    const task = await made("/tasks", { type: "limited.work" });
    expect(await ask("GET", `/tasks/${task.id}`)).toMatchObject({
      data: {
        state: "queued",
        unassignedBecause: {
          reason: "limit",
          message: 'the limit of the type "limited.work" is reached: 0 in flight of 0',
        },
      },
    });
    await ask("PATCH", `/limits/${limit.id}`, { maxInFlight: 1 });
    await rest.assigned(task.id as never);
    expect(await ask("GET", `/limits/${limit.id}`)).toMatchObject({ data: { inFlight: 1 } });
    await rest.complete(task.id as never, 1);
    expect(await ask("GET", `/limits/${limit.id}`)).toMatchObject({ data: { inFlight: 0 } });
    await ask("PATCH", `/limits/${limit.id}`, { maxInFlight: 0 });
    const second = await made("/tasks", { type: "limited.work" });
    await ask("DELETE", `/limits/${limit.id}`);
    await rest.complete(second.id as never, 1);
  });
});

describe("budgets over HTTP", () => {
  test("are made, read, listed, changed and removed", async () => {
    const agentId = await rest.connectAgent("thrifty", "thrift");
    const budget = await made("/budgets", { scope: "agent", agent: "thrifty", unit: "tokens", cap: 10 });
    expect(budget).toMatchObject({ scope: "agent", agentId, unit: "tokens", period: "total", cap: 10, spent: 0 });
    expect(await ask("POST", "/budgets", { scope: "agent", agent: agentId, unit: "tokens", cap: 1 })).toMatchObject({
      status: 409,
      error: { code: "conflict", message: "there is a budget of the agent in tokens by total already" },
    });
    const monthly = await made("/budgets", { scope: "agent", agent: agentId, unit: "tokens", period: "month", cap: 1 });
    expect((await ask("GET", `/budgets?subject=${agentId}`)).data).toMatchObject([
      { id: monthly.id },
      { id: budget.id },
    ]);
    expect((await ask("GET", "/budgets?scope=tenant")).data).toEqual([]);
    expect(await ask("PATCH", `/budgets/${budget.id}`, { cap: 20 })).toMatchObject({ data: { cap: 20 } });
    expect(await ask("DELETE", `/budgets/${budget.id}`)).toMatchObject({ status: 200 });
    expect(await ask("GET", `/budgets/${budget.id}`)).toMatchObject({ status: 404 });
    await made("/budgets", { scope: "agent", agent: agentId, unit: "tokens", cap: 5 });
  });

  test("of a task come with it, are shown with it, and can be raised", async () => {
    const caps = { budget: { costMicroUsd: 5 }, treeBudget: { costMicroUsd: 50, tokens: 100 } };
    const task = await made("/tasks", { type: "nobody.does.it", ...caps });
    expect(task).toMatchObject(caps);
    expect(await ask("GET", `/tasks/${task.id}`)).toMatchObject({ data: caps });
    const { data } = await ask("GET", `/budgets?subject=${task.id}`);
    const shown = (data as { scope: string; unit: string; cap: number }[]).map((one) => [one.scope, one.unit, one.cap]);
    expect(shown.sort()).toEqual([
      ["task", "micro_usd", 5],
      ["tree", "micro_usd", 50],
      ["tree", "tokens", 100],
    ]);
  });
});

describe("usage over HTTP", () => {
  test("is summed by what is asked, in pages", async () => {
    await rest.connectAgent("metered", "metered.a");
    await rest.connectAgent("metered-too", "metered.b");
    for (const type of ["metered.a", "metered.b", "metered.a"]) {
      const task = await made("/tasks", { type });
      const { assignment, assignedAgent } = await rest.assigned(task.id as never);
      const word = { kind: "complete", output: "1", artifacts: undefined } as const;
      const by = {
        tenantId: rest.tenantId,
        assignmentId: assignment?.id as never,
        agentId: assignedAgent?.id as never,
        fence: assignment?.fence ?? 0,
      };
      await rest.engine.perform({ ...by, word: { kind: "accept" } });
      const usage = JSON.stringify({ costMicroUsd: 5, inputTokens: 2, outputTokens: 1, model: "m" });
      await rest.engine.perform({ ...by, word: { ...word, usage } });
    }
    const today = new Date().toISOString().slice(0, 10);
    const sum = { tasks: 3, attempts: 3, inputTokens: 6, outputTokens: 3, costMicroUsd: 15 };
    expect((await ask("GET", "/usage")).data).toEqual([{ day: today, ...sum }]);
    expect((await ask("GET", `/usage?from=${today}&to=${today}&groupBy=model,day`)).data).toEqual([
      { day: today, model: "m", ...sum },
    ]);
    const first = await ask("GET", "/usage?groupBy=type,agent&limit=1");
    expect(first.data).toMatchObject([{ type: "metered.a", agent: { name: "metered" }, tasks: 2, costMicroUsd: 10 }]);
    const second = await ask("GET", `/usage?groupBy=type,agent&limit=1&cursor=${first.meta?.nextCursor}`);
    expect(second.data).toMatchObject([{ type: "metered.b", agent: { name: "metered-too" }, tasks: 1 }]);
    expect(second.meta?.nextCursor).toBeUndefined();
    expect((await ask("GET", "/usage?to=2020-01-31")).data).toEqual([]);
  });
});

describe("bad input", () => {
  test.each([
    ["POST", "/limits", null],
    ["POST", "/limits", []],
    ["POST", "/limits", { kind: "agent", value: "a", maxInFlight: 1 }],
    ["POST", "/limits", { kind: "type", maxInFlight: 1 }],
    ["POST", "/limits", { kind: "type", value: "a b", maxInFlight: 1 }],
    ["POST", "/limits", { kind: "label", value: "x".repeat(65), maxInFlight: 1 }],
    ["POST", "/limits", { kind: "label", value: "\u0000", maxInFlight: 1 }],
    ["POST", "/limits", { kind: "tenant", maxInFlight: -1 }],
    ["POST", "/limits", { kind: "tenant", maxInFlight: 1.5 }],
    ["POST", "/limits", { kind: "tenant", maxInFlight: 1_000_001 }],
    ["POST", "/limits", { kind: "tenant", maxInFlight: "1" }],
    ["POST", "/limits", { kind: "tenant", value: "code.review", maxInFlight: 0 }],
    ["PATCH", `/limits/${nobody}`, {}],
    ["POST", "/budgets", { scope: "tree", unit: "tokens", cap: 1 }],
    ["POST", "/budgets", { scope: "tenant", agent: "a", unit: "tokens", cap: 1 }],
    ["POST", "/budgets", { scope: "agent", unit: "tokens", cap: 1 }],
    ["POST", "/budgets", { scope: "tenant", unit: "euro", cap: 1 }],
    ["POST", "/budgets", { scope: "tenant", unit: "tokens", period: "week", cap: 1 }],
    ["POST", "/budgets", { scope: "tenant", unit: "tokens", cap: 1_000_000_000_000_001 }],
    ["POST", "/budgets", { scope: "tenant", unit: "tokens", cap: -1 }],
    ["PATCH", `/budgets/${nobody}`, { cap: null }],
    ["POST", "/tasks", { type: "a", budget: {} }],
    ["POST", "/tasks", { type: "a", budget: { costMicroUsd: 0 } }],
    ["POST", "/tasks", { type: "a", treeBudget: { tokens: 0.5 } }],
    ["GET", "/limits?cursor=x"],
    ["GET", "/budgets?scope=mine"],
    ["GET", "/budgets?subject=x"],
    ["GET", "/usage?from=yesterday"],
    ["GET", "/usage?from=2026-02-30"],
    ["GET", "/usage?from=0000-01-01"],
    ["GET", "/usage?from=2026-01-02&to=2026-01-01"],
    ["GET", "/usage?from=2024-01-01&to=2026-01-01"],
    ["GET", "/usage?groupBy="],
    ["GET", "/usage?groupBy=day,day"],
    ["GET", "/usage?groupBy=tenant"],
    ["GET", `/usage?cursor=${Buffer.from('["a","b"]').toString("base64url")}`],
    ["GET", `/usage?cursor=${Buffer.from('["\\u0000"]').toString("base64url")}`],
    ["GET", "/usage?cursor=x"],
  ] as const)("%s %s %j is invalid_argument", async (method, path, body?: unknown) => {
    expect(await ask(method, path, body)).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
  });

  test.each([
    ["GET", `/limits/${nobody}`],
    ["GET", "/limits/x"],
    ["PATCH", `/limits/${nobody}`, { maxInFlight: 1 }],
    ["DELETE", "/limits/%00"],
    ["GET", `/budgets/${nobody}`],
    ["PATCH", `/budgets/${nobody}`, { cap: 1 }],
    ["DELETE", `/budgets/${nobody}`],
    ["POST", "/budgets", { scope: "agent", agent: "nobody", unit: "tokens", cap: 1 }],
  ] as const)("%s %s %j is not_found", async (method, path, body?: unknown) => {
    expect(await ask(method, path, body)).toMatchObject({ status: 404, error: { code: "not_found" } });
  });

  test("another tenant's caps are not found, and its lists do not show them", async () => {
    const limit = await made("/limits", { kind: "tenant", maxInFlight: 100 });
    const budget = await made("/budgets", { scope: "tenant", unit: "tokens", cap: 1_000_000 });
    const key = await rest.createKey({ tenantId: await rest.createTenant() });
    const headers = { authorization: `Bearer ${key}` };
    for (const path of [`/limits/${limit.id}`, `/budgets/${budget.id}`]) {
      expect(await ask("GET", path, undefined, headers)).toMatchObject({ status: 404 });
      expect(await ask("DELETE", path, undefined, headers)).toMatchObject({ status: 404 });
      expect(await ask("PATCH", path, { cap: 1, maxInFlight: 1 }, headers)).toMatchObject({ status: 404 });
    }
    for (const path of ["/limits", "/budgets", "/usage"]) {
      expect((await ask("GET", path, undefined, headers)).data).toEqual([]);
    }
    expect(await ask("GET", `/limits/${limit.id}`)).toMatchObject({ data: { maxInFlight: 100 } });
    await ask("DELETE", `/limits/${limit.id}`);
    await ask("DELETE", `/budgets/${budget.id}`);
  });

  test("changes need the scope admin, reading does not", async () => {
    const key = await rest.createKey({ scopes: ["tasks:read", "tasks:write"] });
    const headers = { authorization: `Bearer ${key}` };
    expect(await ask("POST", "/limits", { kind: "tenant", maxInFlight: 1 }, headers)).toMatchObject({ status: 403 });
    expect(await ask("POST", "/budgets", { scope: "tenant", unit: "tokens", cap: 1 }, headers)).toMatchObject({
      status: 403,
    });
    expect(await ask("GET", "/limits", undefined, headers)).toMatchObject({ status: 200 });
    expect(await ask("GET", "/usage", undefined, headers)).toMatchObject({ status: 200 });
  });
});
