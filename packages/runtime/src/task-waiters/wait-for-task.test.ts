import type { TaskId, TaskState, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { describe, expect, test } from "vitest";
import type { TaskStanding } from "./task-standing.ts";
import { createTaskWaiters } from "./task-waiters.ts";
import { waitForTask } from "./wait-for-task.ts";

const ref = { tenantId: "t" as TenantId, taskId: "a" as TaskId };
const never = new AbortController().signal;

function open(state: TaskState) {
  const standings = new Map<TaskId, TaskStanding>([[ref.taskId, { state, eventSeq: 1 }]]);
  const reads = { states: async () => new Map(standings) };
  const logger = createLogger({ level: "silent", service: "test" });
  const waiters = createTaskWaiters({ reads, logger, maxWatches: 1, recheckMs: 60_000 });
  const step = (next: TaskState, eventSeq: number): void => {
    standings.set(ref.taskId, { state: next, eventSeq });
    waiters.onChanged([ref]);
  };
  return { reads, waiters, step, [Symbol.asyncDispose]: () => waiters[Symbol.asyncDispose]() };
}

const isDone = ({ state }: TaskStanding): boolean => state === "completed";

describe("waiting for a task", () => {
  test("a task that stands as asked is not waited for", async () => {
    await using deps = open("completed");
    expect(await waitForTask(deps, ref, { timeoutMs: 60_000, isDone, signal: never })).toEqual({
      state: "completed",
      eventSeq: 1,
    });
    expect(deps.waiters.size).toBe(0);
  });

  test("each step is told, and the last ends the wait", async () => {
    await using deps = open("queued");
    const steps: TaskState[] = [];
    const onStep = ({ state }: TaskStanding): void => {
      steps.push(state);
      if (state === "running") deps.step("completed", 3);
    };
    const waiting = waitForTask(deps, ref, { timeoutMs: 60_000, isDone, onStep, signal: never });
    deps.step("running", 2);
    expect(await waiting).toEqual({ state: "completed", eventSeq: 3 });
    expect(steps).toEqual(["running", "completed"]);
  });

  test("after the time, or when nobody waits any more, it is given as it stands", async () => {
    await using deps = open("queued");
    const waits = [
      waitForTask(deps, ref, { timeoutMs: 0, isDone, signal: never }),
      waitForTask(deps, ref, { timeoutMs: 5, isDone, signal: never }),
    ];
    expect((await Promise.all(waits)).map(({ state }) => state)).toEqual(["queued", "queued"]);
    const aborted = waitForTask(deps, ref, { timeoutMs: 60_000, isDone, signal: AbortSignal.abort() });
    expect((await aborted).state).toBe("queued");
  });

  test("an unknown task is not found, and keeps no place among those that wait", async () => {
    await using deps = open("queued");
    const unknown = { ...ref, taskId: "b" as TaskId };
    await expect(waitForTask(deps, unknown, { timeoutMs: 5, isDone, signal: never })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(deps.waiters.size).toBe(0);
  });
});
