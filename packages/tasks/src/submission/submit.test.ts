import {
  AppError,
  type TaskId,
  type TaskState,
  type TenantId,
  taskSubmissionSchema,
  toRequirements,
} from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { fakeStore, laneIdOf, later, memoryOfSubmits, now, principalId, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { Draft } from "./new-task.ts";
import { hashBody, type Submission, type SubmitKey, submit } from "./submit.ts";

const otherTenantId = "019a0000-0000-7000-8000-0000000000bb" as TenantId;

const draft = (number: number, more: Record<string, unknown> = {}, tenant = tenantId): Draft => {
  const submission = taskSubmissionSchema.parse({ type: "work", ...more });
  const dependsOn = submission.dependsOn.map((id) => id as TaskId);
  const requirements = toRequirements("work", undefined);
  const rest = { requirements, laneId: laneIdOf(1), parentId: undefined, depth: 0, traceparent: undefined };
  return { tenantId: tenant, id: taskIdOf(number), submission, dependsOn, ...rest };
};

const keyOf = (body: unknown, more: Partial<SubmitKey> = {}): SubmitKey => ({
  principalId,
  operation: "tasks.submit",
  key: "k",
  bodyHash: hashBody(body),
  ...more,
});

const submission = (tasks: Submission["tasks"], key?: SubmitKey, tenant = tenantId): Submission => ({
  tenantId: tenant,
  tasks,
  key,
});

function open(states: ReadonlyMap<TaskId, TaskState> = new Map(), owner = tenantId) {
  const { methods, inserted } = memoryOfSubmits(states, owner);
  const clock = { now };
  const run = async (...submissions: Submission[]) =>
    (await submit(fakeStore({ ...methods, now: clock.now }), submissions, { maxDepth: 8 })).results;
  return { run, inserted, clock, ids: () => inserted.map(({ id }) => id) };
}

const past = { deadline: later(-1).toISOString() };

describe("submit", () => {
  test("writes the tasks of many submissions together, each answered by its own", async () => {
    const { run, ids } = open();
    const answers = await run(submission([draft(1), draft(2)]), submission([draft(3)]));
    expect(answers).toMatchObject([
      { isReplay: false, results: [{ task: { id: taskIdOf(1) } }, { task: { id: taskIdOf(2) } }], created: [{}, {}] },
      { isReplay: false, results: [{ task: { id: taskIdOf(3) } }], created: [{ id: taskIdOf(3) }] },
    ]);
    expect(ids()).toEqual([1, 2, 3].map(taskIdOf));
  });

  test("keeps the order of results: a bad task stops no other", async () => {
    const { run, ids } = open();
    const refused = { error: new AppError("invalid_argument", "bad title", { cause: "secret" }) };
    const [answer] = await run(submission([draft(1), refused, draft(2, past), draft(3)]));
    expect(answer).toMatchObject({
      results: [
        { task: { id: taskIdOf(1) } },
        { error: { code: "invalid_argument", message: "bad title" } },
        { error: { code: "invalid_argument", message: expect.stringContaining("deadline") } },
        { task: { id: taskIdOf(3) } },
      ],
    });
    expect(JSON.stringify(answer)).not.toContain("secret");
    expect(ids()).toEqual([1, 3].map(taskIdOf));
  });

  test("knows nothing of another tenant's task, also where that tenant submits at the same time", async () => {
    const theirs = taskIdOf(9);
    const { run, ids } = open(new Map([[theirs, "completed"]]), otherTenantId);
    const [mine, their] = await run(
      submission([draft(1, { dependsOn: [theirs] })]),
      submission([draft(2, { dependsOn: [theirs] }, otherTenantId)], undefined, otherTenantId),
    );
    expect(mine).toMatchObject({ results: [{ error: { code: "invalid_argument" } }] });
    expect(their).toMatchObject({ results: [{ task: { id: taskIdOf(2), state: "queued" } }] });
    expect(ids()).toEqual([taskIdOf(2)]);
  });

  test("begins with the states of what it depends on, in the ledger and in the batch", async () => {
    const { run } = open(
      new Map([
        [taskIdOf(8), "completed"],
        [taskIdOf(9), "failed"],
      ]),
    );
    const [answer] = await run(
      submission([
        draft(1, { dependsOn: [taskIdOf(2)] }),
        draft(2, { dependsOn: [taskIdOf(8)] }),
        draft(3, { dependsOn: [taskIdOf(9)] }),
        draft(4, { dependsOn: [taskIdOf(7)] }),
      ]),
    );
    expect(answer).toMatchObject({
      results: [
        { task: { state: "blocked" } },
        { task: { state: "queued" } },
        { task: { state: "failed" } },
        { error: { code: "invalid_argument" } },
      ],
    });
  });

  test("refuses what depends on a refused task of its batch, wherever that stands", async () => {
    const { run, ids } = open();
    const [answer] = await run(
      submission([
        draft(1, { dependsOn: [taskIdOf(2)] }),
        draft(2, { dependsOn: [taskIdOf(3)] }),
        draft(3, past),
        draft(4, { dependsOn: [taskIdOf(3)] }),
        draft(5),
      ]),
    );
    const told = answer !== undefined && "results" in answer ? answer.results : [];
    expect(told.map((result) => ("task" in result ? "task" : result.error.code))).toEqual([
      ...Array(4).fill("invalid_argument"),
      "task",
    ]);
    expect(ids()).toEqual([taskIdOf(5)]);
  });
});

describe("an idempotency key", () => {
  test("answers the same body again from the first result", async () => {
    const { run, ids } = open();
    const [first] = await run(submission([draft(1)], keyOf({ a: 1, b: 2 })));
    const [again] = await run(submission([draft(2)], keyOf({ b: 2, a: 1 })));
    expect(first).toMatchObject({ isReplay: false });
    expect(again).toMatchObject({ isReplay: true, created: [], results: [{ task: { id: taskIdOf(1) } }] });
    expect(ids()).toEqual([taskIdOf(1)]);
  });

  test("is refused with another body", async () => {
    const { run, ids } = open();
    const answers = [
      ...(await run(submission([draft(1)], keyOf(1)))),
      ...(await run(submission([draft(2)], keyOf(2)), submission([draft(3)]))),
    ];
    expect(answers[1]).toMatchObject({ error: { code: "conflict", reason: "idempotency_key_reused" } });
    expect(ids()).toEqual([1, 3].map(taskIdOf));
  });

  test("that comes twice in one batch counts once", async () => {
    const { run, ids } = open();
    const answers = await run(
      submission([draft(1)], keyOf(1)),
      submission([draft(2)], keyOf(1)),
      submission([draft(3)], keyOf(3)),
    );
    expect(answers).toMatchObject([
      { isReplay: false },
      { isReplay: true, results: [{ task: { id: taskIdOf(1) } }] },
      { error: { reason: "idempotency_key_reused" } },
    ]);
    expect(ids()).toEqual([taskIdOf(1)]);
  });

  test("belongs to a tenant, a principal and an operation", async () => {
    const { run, ids } = open();
    await run(submission([draft(1)], keyOf(1)));
    await run(submission([draft(2)], keyOf(2, { principalId: "x" as never })));
    await run(submission([draft(3)], keyOf(3, { operation: "other" })));
    await run(submission([draft(4)], keyOf(4), "t" as TenantId));
    expect(ids()).toHaveLength(4);
  });

  test("covers the whole batch, refusals included", async () => {
    const { run } = open();
    const [first] = await run(submission([draft(1), draft(2, past)], keyOf(1)));
    const [again] = await run(submission([draft(3), draft(4, past)], keyOf(1)));
    expect(again).toMatchObject({ isReplay: true });
    expect(again !== undefined && "results" in again && again.results).toEqual(
      JSON.parse(JSON.stringify(first !== undefined && "results" in first && first.results)),
    );
  });

  test("is not spent by what created nothing", async () => {
    const { run, ids } = open();
    const [refused] = await run(submission([draft(1, past)], keyOf(1)));
    expect(refused).toMatchObject({ isReplay: false, results: [{ error: { code: "invalid_argument" } }] });
    expect(await run(submission([draft(2)], keyOf(2)))).toMatchObject([{ isReplay: false }]);
    expect(ids()).toEqual([taskIdOf(2)]);
  });

  test("still answers once the deadline of the first has passed", async () => {
    const { run, clock } = open();
    const soon = { deadline: later(1_000).toISOString() };
    await run(submission([draft(1, soon)], keyOf(1)));
    clock.now = later(2_000);
    expect(await run(submission([draft(2, soon)], keyOf(1)))).toMatchObject([
      { isReplay: true, results: [{ task: { id: taskIdOf(1) } }] },
    ]);
    expect(await run(submission([draft(3, soon)], keyOf(2)))).toMatchObject([
      { error: { reason: "idempotency_key_reused" } },
    ]);
  });
});

test("equal bodies have one hash, whatever the order of their members", () => {
  expect(hashBody({ a: 1, b: [2, null] })).toBe(hashBody({ b: [2, null], a: 1 }));
  expect(hashBody({ a: 1 })).not.toBe(hashBody({ a: "1" }));
  expect(hashBody(JSON.parse('{"__proto__":1}'))).not.toBe(hashBody({}));
  expect(hashBody({})).toMatch(/^[0-9a-f]{64}$/);
});
