import type { TaskId, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { describe, expect, test } from "vitest";
import type { TaskStanding, TaskStates } from "./task-standing.ts";
import { createTaskWaiters, type TaskWaiters } from "./task-waiters.ts";

const tenantId = "t" as TenantId;
const logger = createLogger({ level: "silent", service: "test" });
const never = new AbortController().signal;

function fakeReads(): { standings: Map<TaskId, TaskStanding>; looks: number[]; states: TaskStates["states"] } {
  const standings = new Map<TaskId, TaskStanding>();
  const looks: number[] = [];
  return {
    standings,
    looks,
    states: async (refs) => {
      looks.push(refs.length);
      return new Map(
        [...standings].filter(([id]) => refs.some((one) => one.taskId === id && one.tenantId === tenantId)),
      );
    },
  };
}

const open = (reads: TaskStates, recheckMs = 60_000): TaskWaiters =>
  createTaskWaiters({ reads, logger, maxWatches: 3, recheckMs });
const ref = (id: string): { tenantId: TenantId; taskId: TaskId } => ({ tenantId, taskId: id as TaskId });

describe("task waiters", () => {
  test("the hints of one turn are one look, and tasks that nobody waits for cost none", async () => {
    const reads = fakeReads();
    await using waiters = open(reads);
    using a = waiters.watch(ref("a"));
    using b = waiters.watch(ref("b"));
    for (const id of ["a", "b", "x"] as TaskId[]) reads.standings.set(id, { state: "running", eventSeq: 4 });
    waiters.onChanged([ref("x")]);
    waiters.onChanged([ref("a"), ref("x")]);
    waiters.onChanged([ref("b"), ref("a")]);
    await Promise.all([a.changed(5_000, never), b.changed(5_000, never)]);
    expect(reads.looks).toEqual([2]);
    expect(a.standing).toEqual({ state: "running", eventSeq: 4 });
  });

  test("who waits for an id of another tenant's keeps nobody from hearing", async () => {
    const reads = fakeReads();
    await using waiters = open(reads);
    using foreign = waiters.watch({ ...ref("a"), tenantId: "other" as TenantId });
    using own = waiters.watch(ref("a"));
    reads.standings.set("a" as TaskId, { state: "completed", eventSeq: 5 });
    waiters.onChanged([ref("a")]);
    await own.changed(5_000, never);
    expect([own.standing?.state, foreign.standing]).toEqual(["completed", undefined]);
  });

  test("a hint that was lost is made good by the slow look", async () => {
    const reads = fakeReads();
    await using waiters = open(reads, 10);
    using watch = waiters.watch(ref("a"));
    reads.standings.set("a" as TaskId, { state: "completed", eventSeq: 5 });
    await watch.changed(5_000, never);
    expect(watch.standing?.state).toBe("completed");
  });

  test("a failing look wakes nobody, and the next one does", async () => {
    const reads = fakeReads();
    let isDown = true;
    const states: TaskStates["states"] = (refs) => (isDown ? Promise.reject(new Error("down")) : reads.states(refs));
    await using waiters = open({ states }, 10);
    using watch = waiters.watch(ref("a"));
    reads.standings.set("a" as TaskId, { state: "completed", eventSeq: 5 });
    await watch.changed(50, never);
    expect(watch.standing).toBeUndefined();
    isDown = false;
    await watch.changed(5_000, never);
    expect(watch.standing?.eventSeq).toBe(5);
  });

  test("one tenant leaves room to the others", async () => {
    await using waiters = createTaskWaiters({
      reads: fakeReads(),
      logger,
      maxWatches: 3,
      maxTenantWatches: 2,
      recheckMs: 60_000,
    });
    const watches = ["a", "b"].map((id) => waiters.watch(ref(id)));
    expect(() => waiters.watch(ref("c"))).toThrow("the limit is 2 of a tenant");
    using _other = waiters.watch({ ...ref("a"), tenantId: "other" as TenantId });
    watches[0]?.[Symbol.dispose]();
    using _again = waiters.watch(ref("c"));
    watches[1]?.[Symbol.dispose]();
  });

  test("no more than the limit wait, and who leaves makes room once", async () => {
    await using waiters = open(fakeReads());
    const watches = ["a", "a", "b"].map((id) => waiters.watch(ref(id)));
    expect(() => waiters.watch(ref("c"))).toThrow("the limit is 3");
    watches[0]?.[Symbol.dispose]();
    watches[0]?.[Symbol.dispose]();
    expect(waiters.size).toBe(2);
    using _more = waiters.watch(ref("c"));
    expect(waiters.size).toBe(3);
    for (const watch of watches) watch[Symbol.dispose]();
    expect(waiters.size).toBe(1);
  });
});
