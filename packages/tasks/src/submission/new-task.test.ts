import { type TaskId, type TaskState, taskSubmissionSchema, toRequirements } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { laneIdOf, later, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import { type Draft, toFirstView, toNewTask } from "./new-task.ts";

function draft(more: Record<string, unknown> = {}): Draft {
  const submission = taskSubmissionSchema.parse({ type: "work", ...more });
  return {
    tenantId,
    id: taskIdOf(1),
    submission,
    dependsOn: submission.dependsOn.map((id) => id as TaskId),
    requirements: toRequirements("work", submission.requirements),
    laneId: laneIdOf(1),
    parentId: undefined,
    depth: 0,
    traceparent: undefined,
  };
}

const at = (ms: number) => later(ms).toISOString();
const begin = (more: Record<string, unknown>, ...states: TaskState[]) => {
  const dependsOn = states.map((_, index) => taskIdOf(index + 2));
  const known = new Map(states.map((state, index) => [taskIdOf(index + 2), state]));
  return toNewTask(draft({ ...more, dependsOn }), known, now);
};

describe("a task begins", () => {
  test.each<[TaskState, Record<string, unknown>, TaskState[]]>([
    ["queued", {}, []],
    ["queued", {}, ["completed", "completed"]],
    ["queued", { notBefore: at(0) }, []],
    ["queued", { notBefore: at(-1) }, ["completed"]],
    ["scheduled", { notBefore: at(1) }, []],
    ["scheduled", { notBefore: at(1) }, ["completed"]],
    ["blocked", {}, ["completed", "running"]],
    ["blocked", { notBefore: at(1) }, ["queued"]],
    ["failed", {}, ["completed", "failed"]],
    ["failed", { notBefore: at(1) }, ["running", "cancelled"]],
  ])("%s with %j after %j", (state, more, states) => expect(begin(more, ...states).state).toBe(state));

  test("blocked on whatever is not completed", () => {
    const open = ["blocked", "scheduled", "queued", "assigned", "running", "waiting"] as const;
    for (const state of open) expect(begin({}, state).state, state).toBe("blocked");
  });

  test("failed with an error of the class dependency that names the task", () => {
    const task = begin({}, "failed");
    expect(JSON.parse(task.error ?? "")).toEqual({
      class: "dependency",
      message: `task ${taskIdOf(2)}, which it depends on, was not completed`,
    });
    expect(task.wakeAt).toBeUndefined();
  });

  test.each([
    ["nothing", {}, [], undefined],
    ["the deadline", { deadline: at(5) }, [], later(5)],
    ["its time", { notBefore: at(3), deadline: at(5) }, [], later(3)],
    ["the deadline before its time", { notBefore: at(9), deadline: at(5) }, [], later(5)],
    ["the deadline alone while it is blocked", { notBefore: at(3), deadline: at(5) }, ["running" as const], later(5)],
  ])("to wake at %s", (_, more, states, wakeAt) => expect(begin(more, ...states).wakeAt).toEqual(wakeAt));

  test("refused where its deadline has passed", () => {
    for (const ms of [0, -1]) {
      expect(() => begin({ deadline: at(ms) })).toThrow(
        expect.objectContaining({ code: "invalid_argument", details: [expect.objectContaining({ path: "deadline" })] }),
      );
    }
  });

  test("refused where it depends on nothing that there is", () => {
    expect(() => toNewTask(draft({ dependsOn: [taskIdOf(9)] }), new Map(), now)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: `dependsOn: no task ${taskIdOf(9)}` }),
    );
  });

  test("ranked by age, each step of priority worth a minute", () => {
    expect(begin({ priority: 0 }).rank).toBe(now.getTime());
    expect(begin({ priority: 9 }).rank).toBe(now.getTime() - 540_000);
  });

  test("with its JSON as text", () => {
    const input = JSON.parse('{"__proto__":{"a":"\\u0000"},"n":9007199254740991}');
    const task = begin({ input, outputSchema: false });
    expect(task.input).toBe('{"__proto__":{"a":"\\u0000"},"n":9007199254740991}');
    expect(task.outputSchema).toBe("false");
    expect(begin({ input: null }).input).toBe("null");
    expect(begin({}).input).toBeUndefined();
  });
});

describe("the first view of a task", () => {
  const view = (one: Draft, known = new Map<TaskId, TaskState>()) =>
    toFirstView(toNewTask(one, known, now), one.submission, now);

  test("shows what was submitted, with the defaults", () => {
    expect(view(draft())).toEqual({
      id: taskIdOf(1),
      type: "work",
      state: "queued",
      requirements: { capabilities: ["work"], minLevel: 1, tags: {} },
      strategy: "capability_match",
      priority: 5,
      maxAttempts: 3,
      timeoutMs: 600_000,
      dependsOn: [],
      labels: [],
      attempt: 0,
      createdAt: now.toISOString(),
      updatedAt: now.toISOString(),
    });
  });

  test("shows all that may be said, times in UTC with milliseconds", () => {
    const all = {
      title: "t",
      ref: "r",
      input: { a: 1 },
      requirements: { agent: "a-1", tags: { k: "v" } },
      deadline: "2030-01-01T02:00:00+02:00",
      notBefore: "2029-01-01T00:00:00Z",
      outputSchema: { type: "object" },
      labels: ["l"],
    };
    expect(view({ ...draft(all), parentId: taskIdOf(5) })).toMatchObject({
      ...all,
      parentId: taskIdOf(5),
      state: "scheduled",
      deadline: "2030-01-01T00:00:00.000Z",
      notBefore: "2029-01-01T00:00:00.000Z",
    });
  });

  test("shows why it failed at once, and when", () => {
    const one = draft({ dependsOn: [taskIdOf(2)] });
    expect(view(one, new Map([[taskIdOf(2), "cancelled" as const]]))).toMatchObject({
      state: "failed",
      error: { class: "dependency" },
      finishedAt: now.toISOString(),
    });
  });
});
