import { randomUUID } from "node:crypto";
import { nobodysTenant, type TaskId } from "@devmesh/models";
import { deadMessages } from "@devmesh/repositories";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Envelope, envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

describe("dead letters", () => {
  let rest: RestHarness;
  beforeAll(async () => {
    rest = await openRest();
    await rest.connectAgent("breaker", "break");
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  const ask = async (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => {
    const response = await rest.ask(method, path, body, headers);
    return { status: response.status, headers: response.headers, ...(await envelopeOf(response)) };
  };
  const askWith = async (key: string, method: string, path: string): Promise<Envelope & { status: number }> => {
    const response = await rest.app.request(`/api/v1${path}`, { method, headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, ...(await envelopeOf(response)) };
  };

  /** Lets the agent fail a task for good. */
  async function fail(taskId: TaskId, message = "no luck"): Promise<void> {
    const { assignment, assignedAgent } = await rest.assigned(taskId);
    if (assignment === undefined || assignedAgent === undefined) throw new Error("not assigned");
    const { tenantId } = rest;
    const about = { tenantId, assignmentId: assignment.id, agentId: assignedAgent.id, fence: assignment.fence };
    await rest.engine.perform({ ...about, word: { kind: "accept" } });
    await rest.engine.perform({ ...about, word: { kind: "fail", class: "permanent", message, usage: undefined } });
  }

  async function givenDeadTask(more: Readonly<Record<string, unknown>> = {}): Promise<TaskId> {
    const { data } = await ask("POST", "/tasks", { type: "break", ...more });
    await fail(data.id);
    return data.id;
  }

  /** A new fence: the assignment before it is the one that failed. */
  async function failAgain(taskId: TaskId, fence: number): Promise<void> {
    for (let turn = 0; turn < 200; turn++) {
      const task = await rest.assigned(taskId);
      if (task.assignment?.fence === fence && task.state === "assigned") return fail(taskId);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`task ${taskId} was not assigned again`);
  }

  async function givenDeadMessage(tenantId?: typeof rest.tenantId): Promise<string> {
    const id = randomUUID();
    await deadMessages(rest.database).record([
      {
        ...{ id, queue: "devmesh-tasks", tenantId, reason: "invalid_argument", message: "no JSON", messageId: id },
        ...{ body: "\u0000 and \ud800", attributes: { a: "1" }, receiveCount: 1, redrives: 0 },
      },
    ]);
    return id;
  }

  test("a failed task is listed by each filter, and shown with its whole history", async () => {
    const id = await givenDeadTask({ type: "break.alone", requirements: { capabilities: ["break"] }, input: { n: 1 } });
    const found = async (query: string): Promise<readonly string[]> =>
      (await ask("GET", `/dlq?limit=200&${query}`)).data.map((letter: { id: string }) => letter.id);
    const later = new Date(Date.now() + 60_000).toISOString();
    for (const query of ["kind=task", "queue=tasks", "type=break.alone", "reason=permanent", `failedBefore=${later}`]) {
      expect([query, await found(query)]).toEqual([query, expect.arrayContaining([id])]);
    }
    for (const query of [
      "kind=message",
      "queue=x",
      "type=x",
      "reason=x",
      `failedAfter=${later}`,
      "olderThanMs=60000",
    ]) {
      expect([query, (await found(query)).includes(id)]).toEqual([query, false]);
    }
    expect((await ask("GET", "/dlq?type=break.alone")).data).toEqual([
      {
        ...{ id, kind: "task", queue: "tasks", type: "break.alone", reason: "permanent", message: "no luck" },
        ...{ state: "dead", failedAt: expect.any(String), redrives: 0, taskId: id },
      },
    ]);
    const { data } = await ask("GET", `/dlq/${id}`);
    expect(data.task).toMatchObject({ id, state: "failed", input: { n: 1 } });
    expect(data.events.map(({ type }: { type: string }) => type)).toContain("task.failed");
    expect(data.assignments).toMatchObject([{ fence: 1, state: "failed", agent: { name: "breaker" }, attempt: 1 }]);
    expect(data).toMatchObject({ hasMoreEvents: false, audit: [] });
  });

  test("lists page by key, newest death first", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await givenDeadTask({ type: "break" }));
    const listed: string[] = [];
    let cursor = "";
    do {
      const page = await ask("GET", `/dlq?type=break&limit=2${cursor}`);
      listed.push(...page.data.map(({ id }: { id: string }) => id));
      cursor = page.meta?.nextCursor === undefined ? "" : `&cursor=${page.meta.nextCursor}`;
    } while (cursor !== "");
    expect(listed).toEqual(ids.toReversed());
  });

  test("the fourth redrive needs force, on either door; every one is in the audit", async () => {
    const id = await givenDeadTask();
    const doors = [`/dlq/${id}/redrive`, `/tasks/${id}/retry`, `/dlq/${id}/redrive`];
    for (const [index, door] of doors.entries()) {
      expect((await ask("POST", door)).status).toBe(200);
      await failAgain(id, index + 2);
    }
    for (const door of [`/dlq/${id}/redrive`, `/tasks/${id}/retry`]) {
      const refused = await ask("POST", door, { force: false });
      expect(refused.status).toBe(409);
      expect(refused.error).toMatchObject({ code: "failed_precondition", reason: "redrive_limit" });
      expect(refused.error?.message).toContain("3 times");
    }
    expect(await ask("POST", `/dlq/${id}/redrive`, { force: true })).toMatchObject({
      status: 200,
      data: { redrives: 4 },
    });
    expect((await ask("POST", `/dlq/${id}/redrive`)).error).toMatchObject({ code: "failed_precondition" });
    const { data } = await ask("GET", `/dlq/${id}`);
    expect(data).toMatchObject({ state: "redriven", redrives: 4 });
    const audit = data.audit.map(({ outcome, force }: { outcome: string; force: boolean }) => `${outcome} ${force}`);
    expect(audit).toEqual([
      "refused false",
      "redriven true",
      "refused false",
      "refused false",
      "redriven false",
      "redriven false",
      "redriven false",
    ]);
    expect(data.audit[1].by).toMatchObject({ name: "test" });
    expect((await ask("GET", `/dlq/audit?deadLetter=${id}&limit=3`)).data).toEqual(data.audit.slice(0, 3));
    // the refused one held the task for a moment, and an assigner passes over what is held
    await rest.engine.sweep();
    await rest.complete(id, "well");
    expect((await ask("GET", `/tasks/${id}`)).data).toMatchObject({ state: "completed" });
  });

  test("of ten redrives at once one passes", async () => {
    const task = await givenDeadTask();
    const message = await givenDeadMessage();
    for (const id of [task, message]) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask("POST", `/dlq/${id}/redrive`)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
      expect((await ask("GET", `/dlq/${id}`)).data.redrives).toBe(1);
    }
  });

  test("a message comes back as it was; claimed it is neither redriven twice nor purged", async () => {
    const id = await givenDeadMessage();
    const { data } = await ask("GET", `/dlq/${id}`);
    expect(data).toMatchObject({ kind: "message", body: "\u0000 and \ud800", attributes: { a: "1" }, receiveCount: 1 });
    expect(await ask("POST", `/dlq/${id}/redrive`)).toMatchObject({ status: 200, data: { state: "redriving" } });
    expect((await ask("POST", `/dlq/${id}/redrive`)).error).toMatchObject({
      code: "failed_precondition",
      message: expect.stringContaining("redriving"),
    });
    expect((await ask("DELETE", `/dlq/${id}`)).error).toMatchObject({ code: "failed_precondition" });
  });

  test("what is purged is gone from the view; a task stays failed, and comes back when it fails again", async () => {
    const id = await givenDeadTask();
    expect(await ask("DELETE", `/dlq/${id}`)).toMatchObject({ status: 200, data: { id } });
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/redrive"],
    ] as const) {
      expect((await ask(method, `/dlq/${id}${path}`)).status).toBe(404);
    }
    expect((await ask("GET", `/tasks/${id}`)).data.state).toBe("failed");
    expect((await ask("GET", `/dlq/audit?deadLetter=${id}`)).data).toMatchObject([
      { action: "purge", outcome: "purged" },
    ]);
    expect((await ask("POST", `/tasks/${id}/retry`)).status).toBe(200);
    await failAgain(id, 2);
    expect((await ask("GET", `/dlq/${id}`)).data).toMatchObject({ state: "dead", redrives: 1 });
  });

  test("many are purged by a filter, and all only when it is said", async () => {
    const ids = [await givenDeadTask(), await givenDeadTask(), await givenDeadMessage()];
    expect((await ask("DELETE", "/dlq")).error).toMatchObject({ code: "invalid_argument" });
    expect((await ask("DELETE", "/dlq?all=true&kind=task")).error).toMatchObject({ code: "invalid_argument" });
    expect((await ask("DELETE", "/dlq?all=yes")).error).toMatchObject({ code: "invalid_argument" });
    expect((await ask("DELETE", "/dlq?kind=message&reason=nothing")).data).toEqual({ purged: 0 });
    const { data } = await ask("DELETE", "/dlq?kind=task");
    expect(data.purged).toBeGreaterThanOrEqual(2);
    expect((await ask("GET", `/dlq/${ids[2]}`)).status).toBe(200);
    expect((await ask("DELETE", "/dlq?all=true")).data.purged).toBeGreaterThanOrEqual(1);
    expect((await ask("GET", "/dlq")).data.filter(({ state }: { state: string }) => state === "dead")).toEqual([]);
  });

  test("a bulk redrive is a job that waits for the worker, repeatable by its key", async () => {
    const body = { filter: { type: "break", olderThanMs: 1_000 }, ratePerSecond: 25 };
    const key = { "idempotency-key": randomUUID() };
    const first = await ask("POST", "/dlq/redrive", body, key);
    expect(first).toMatchObject({
      status: 202,
      data: { state: "queued", ratePerSecond: 25, force: false, done: 0, filter: { type: "break" } },
    });
    expect(first.headers.get("location")).toBe(`/api/v1/dlq/redrives/${first.data.id}`);
    const again = await ask("POST", "/dlq/redrive", body, key);
    expect(again.data).toEqual(first.data);
    expect(again.headers.get("idempotent-replay")).toBe("true");
    expect((await ask("POST", "/dlq/redrive", { filter: {} }, key)).error).toMatchObject({
      code: "conflict",
      reason: "idempotency_key_reused",
    });
    expect((await ask("GET", `/dlq/redrives/${first.data.id}`)).data).toEqual(first.data);
    expect((await ask("GET", "/dlq/redrives")).data).toEqual([first.data]);
    expect((await ask("POST", `/dlq/redrives/${first.data.id}/stop`)).data).toMatchObject({ state: "stopped" });
    expect((await ask("POST", "/dlq/redrive", { filter: {} })).data).toMatchObject({ ratePerSecond: 10 });
  });

  test("twenty that are not finished are the most", async () => {
    const tenantId = await rest.createTenant();
    const key = await rest.createKey({ tenantId, scopes: ["dlq:write"] });
    const start = (): Promise<number> =>
      Promise.resolve(
        rest.app.request("/api/v1/dlq/redrive", {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: '{"filter":{}}',
        }),
      ).then(({ status }) => status);
    const statuses = await Promise.all(Array.from({ length: 22 }, start));
    expect(statuses.filter((status) => status === 202)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2);
  });

  test("another tenant sees nothing, and nobody's messages are seen with admin alone", async () => {
    const task = await givenDeadTask();
    const mine = await givenDeadMessage(rest.tenantId);
    const nobodys = await givenDeadMessage();
    const job = (await ask("POST", "/dlq/redrive", { filter: { type: "none" } })).data.id;
    const reader = await rest.createKey({ scopes: ["dlq:read", "dlq:write"] });
    const stranger = await rest.createKey({ tenantId: await rest.createTenant(), scopes: ["dlq:read", "dlq:write"] });
    const listed = async (key: string): Promise<readonly string[]> =>
      (await askWith(key, "GET", "/dlq?limit=200")).data.map(({ id }: { id: string }) => id);
    expect(await listed(reader)).toEqual(expect.arrayContaining([task, mine]));
    expect(await listed(reader)).not.toContain(nobodys);
    expect(await listed(stranger)).toEqual([]);
    for (const [method, path] of [
      ["GET", `/dlq/${task}`],
      ["GET", `/dlq/${mine}`],
      ["GET", `/dlq/${nobodys}`],
      ["POST", `/dlq/${task}/redrive`],
      ["POST", `/dlq/${nobodys}/redrive`],
      ["DELETE", `/dlq/${mine}`],
      ["GET", `/dlq/redrives/${job}`],
      ["POST", `/dlq/redrives/${job}/stop`],
    ] as const) {
      expect([path, (await askWith(stranger, method, path)).status]).toEqual([path, 404]);
    }
    expect((await askWith(stranger, "GET", "/dlq/audit")).data).toEqual([]);
    expect((await askWith(stranger, "GET", "/dlq/redrives")).data).toEqual([]);
    expect((await askWith(stranger, "DELETE", "/dlq?all=true")).data).toEqual({ purged: 0 });
    expect((await ask("GET", `/dlq/${nobodys}`)).status).toBe(200);
    expect(nobodysTenant).not.toBe(rest.tenantId);
  });

  test("each scope opens its own routes", async () => {
    const reader = await rest.createKey({ scopes: ["dlq:read"] });
    const writer = await rest.createKey({ scopes: ["dlq:write"] });
    expect((await askWith(reader, "GET", "/dlq")).status).toBe(200);
    expect((await askWith(reader, "DELETE", "/dlq?all=true")).status).toBe(403);
    expect((await askWith(writer, "GET", "/dlq")).status).toBe(403);
  });

  test.each([
    ["GET", "/dlq?kind=both"],
    ["GET", "/dlq?failedBefore=yesterday"],
    ["GET", "/dlq?olderThanMs=-1"],
    ["GET", "/dlq?state=dead"],
    ["GET", "/dlq?cursor=x"],
    ["GET", "/dlq/audit?deadLetter=x"],
    ["POST", "/dlq/redrive", {}],
    ["POST", "/dlq/redrive", { filter: { kynd: "task" } }],
    ["POST", "/dlq/redrive", { filter: {}, ratePerSecond: 0 }],
    ["POST", "/dlq/redrive", { filter: {}, ratePerSecond: 1_001 }],
    ["POST", "/dlq/redrive", { filter: {}, force: "yes" }],
    ["POST", "/dlq/redrive", { filter: {}, rate: 5 }],
    ["POST", `/tasks/${randomUUID()}/retry`, { force: 1 }],
    ["POST", `/dlq/${randomUUID()}/redrive`, { force: null }],
  ])("refuses %s %s %j", async (method, path, body?) => {
    expect(await ask(method, path, body)).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
  });

  test("what is no id, and what is unknown, is not found", async () => {
    for (const path of ["/dlq/x", `/dlq/${randomUUID()}`, "/dlq/redrives/x", `/dlq/redrives/${randomUUID()}`]) {
      expect([path, (await ask("GET", path)).status]).toEqual([path, 404]);
    }
  });
});
