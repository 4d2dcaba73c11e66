import type { AssignmentId, ClaimedTask, Task, TaskId } from "@devmesh/models";
import { expect, test } from "vitest";
import { toClaimedViews } from "./claimed-view.ts";

function claimed(input: unknown, more: Partial<Task> = {}): ClaimedTask {
  const task = {
    id: "t" as TaskId,
    type: "work",
    state: "running",
    input,
    requirements: { capabilities: ["work"], minLevel: 1, tags: {} },
    strategy: "capability_match",
    priority: 5,
    maxAttempts: 3,
    timeoutMs: 1_000,
    dependsOn: [],
    labels: [],
    attempt: 1,
    createdAt: "2026-11-30T00:00:00.000Z",
    updatedAt: "2026-11-30T00:00:00.000Z",
    ...more,
  } as const;
  return { assignmentId: "a" as AssignmentId, fence: 1, state: "running", leaseMs: 1_000, task };
}

test("shows what a worker needs, and nothing that is empty", () => {
  const [view] = toClaimedViews([claimed(null)]);
  expect(JSON.parse(JSON.stringify(view))).toEqual({
    assignmentId: "a",
    fence: 1,
    state: "running",
    task: { id: "t", type: "work", input: null, attempt: 1, maxAttempts: 3, timeoutMs: 1_000 },
  });
});

test("cuts what was not read whole", () => {
  const [view] = toClaimedViews([
    { ...claimed("small", { dependencies: [{ id: "d" as TaskId, output: null }] }), lacksOutputs: true },
  ]);
  expect(view).toMatchObject({ isCut: true, dependencies: [{ id: "d" }] });
  expect(view?.dependencies?.[0]).not.toHaveProperty("output");
});

test("cuts what is more than an answer holds, and says so", () => {
  const large = "x".repeat(2_000_000);
  const dependency = { id: "d" as TaskId, ref: "r", output: large };
  const views = toClaimedViews([
    claimed(large),
    claimed(large, { dependencies: [dependency], outputSchema: { type: "object" } }),
    claimed("small"),
  ]);
  expect(views.map(({ isCut }) => isCut)).toEqual([undefined, true, undefined]);
  expect(views[1]?.task).not.toHaveProperty("input");
  expect(views[1]?.task).not.toHaveProperty("outputSchema");
  expect(views[1]?.dependencies).toEqual([{ id: "d", ref: "r" }]);
  expect(views[2]?.task.input).toBe("small");
});
