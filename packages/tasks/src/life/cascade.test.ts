import {
  isFinal,
  type LedgerChange,
  type LedgerEntry,
  type TaskId,
  type TaskState,
  toRequirements,
} from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { entryOf, fakeTx, heldEntry, laneIdOf, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { LedgerTx, TaskRef } from "../store.ts";
import { cascade } from "./cascade.ts";

/** A ledger of numbered tasks in memory, with what depends on what and what was delegated from what. */
function ledgerOf(
  entries: readonly LedgerEntry[],
  links: { readonly dependsOn?: Record<number, number[]>; readonly children?: Record<number, number[]> } = {},
): { readonly tx: LedgerTx; readonly rows: Map<TaskId, LedgerEntry>; writes: number } {
  const rows = new Map(entries.map((entry) => [entry.taskId, entry]));
  const dependencies = new Map(
    Object.entries(links.dependsOn ?? {}).map(([task, on]) => [taskIdOf(Number(task)), on.map(taskIdOf)]),
  );
  const stateOf = (taskId: TaskId): TaskState | undefined => rows.get(taskId)?.state;
  const dependents = (refs: readonly TaskRef[], state: TaskState) =>
    [...dependencies].flatMap(([taskId, on]) =>
      refs
        .filter((ref) => on.includes(ref.taskId) && stateOf(taskId) === state)
        .map((ref) => ({
          tenantId,
          taskId,
          dependsOn: ref.taskId,
          open: on.filter((id) => stateOf(id) !== "completed").length,
        })),
    );
  const below = (taskIds: readonly TaskId[]): readonly TaskRef[] => {
    const children = Object.entries(links.children ?? {})
      .filter(([parent]) => taskIds.includes(taskIdOf(Number(parent))))
      .flatMap(([, numbers]) => numbers.map(taskIdOf));
    return children.length === 0 ? [] : [...children.map((taskId) => ({ tenantId, taskId })), ...below(children)];
  };
  const ledger = {
    rows,
    writes: 0,
    tx: fakeTx({
      requirementsOf: async (refs) => new Map(refs.map(({ taskId }) => [taskId, toRequirements("work", undefined)])),
      ensureLanes: async (asked) => asked.map(() => laneIdOf(1)),
      findDependents: async (refs) => dependents(refs, "blocked"),
      findFailedDependents: async (refs) =>
        dependents(refs, "failed").filter(({ taskId }) => rows.get(taskId)?.error?.includes("dependency")),
      findDescendants: async (refs) =>
        below(refs.map(({ taskId }) => taskId)).filter(({ taskId }) => !isFinal(stateOf(taskId) ?? "failed")),
      lockByTask: async (refs) =>
        [...new Set(refs.map(({ taskId }) => taskId))].flatMap((taskId) => rows.get(taskId) ?? []),
      write: async (changes) => {
        ledger.writes++;
        for (const { after } of changes) rows.set(after.taskId, after);
        return { waiting: [], claiming: [] };
      },
    }),
  };
  return ledger;
}

const task = (number: number, state: TaskState = "blocked", more: Partial<LedgerEntry> = {}) =>
  entryOf({ taskId: taskIdOf(number), state, ...more });

/** A change that was just written: task `number` went from one state to another. */
function moved(number: number, from: TaskState, to: TaskState): LedgerChange {
  const before = task(number, from);
  return { before, after: { ...before, state: to }, events: [], result: undefined, notices: [], excluded: undefined };
}

const statesOf = (rows: Map<TaskId, LedgerEntry>) => [...rows.values()].map(({ state }) => state);
const lost = { error: '{"class":"dependency","message":"m"}' };

describe("cascade", () => {
  test("asks nothing where nothing follows from a change", async () => {
    expect(await cascade(fakeTx({}), [moved(1, "queued", "assigned")], () => 0)).toEqual([]);
    expect(await cascade(fakeTx({}), [], () => 0)).toEqual([]);
  });

  test("unblocks what waited for a completed task alone", async () => {
    const { tx, rows } = ledgerOf([task(1, "completed"), task(2), task(3), task(4, "running")], {
      dependsOn: { 2: [1], 3: [1, 4] },
    });
    const followed = await cascade(tx, [moved(1, "running", "completed")], () => 0);
    expect(followed.map(({ after }) => [after.taskId, after.state])).toEqual([[taskIdOf(2), "queued"]]);
    expect(statesOf(rows)).toEqual(["completed", "queued", "blocked", "running"]);
  });

  test("unblocks once what waited for two tasks of one batch", async () => {
    const ledger = ledgerOf([task(1, "completed"), task(2, "completed"), task(3)], { dependsOn: { 3: [1, 2] } });
    const changes = [moved(1, "running", "completed"), moved(2, "running", "completed")];
    const followed = await cascade(ledger.tx, changes, () => 0);
    expect(followed).toHaveLength(1);
    expect(followed[0]?.events.map(({ type }) => type)).toEqual(["task.queued"]);
  });

  test.each(["failed", "cancelled"] as const)("fails all that hangs on a task that was %s", async (end) => {
    const { tx, rows } = ledgerOf([task(1, end), task(2), task(3), task(4)], {
      dependsOn: { 2: [1], 3: [2], 4: [3, 1] },
    });
    const followed = await cascade(tx, [moved(1, "running", end)], () => 0);
    expect(statesOf(rows)).toEqual([end, "failed", "failed", "failed"]);
    expect(followed.map(({ after }) => JSON.parse(after.error ?? "").class)).toEqual(Array(3).fill("dependency"));
    expect(followed[0]?.after.error).toContain(taskIdOf(1));
  });

  test("fails what waits for a completed and a failed task of one batch", async () => {
    const { tx, rows } = ledgerOf([task(1, "completed"), task(2, "failed"), task(3)], { dependsOn: { 3: [1, 2] } });
    await cascade(tx, [moved(1, "running", "completed"), moved(2, "running", "failed")], () => 0);
    expect(statesOf(rows)).toEqual(["completed", "failed", "failed"]);
  });

  test("blocks again what failed for the sake of a redriven task, and only that", async () => {
    const { tx, rows } = ledgerOf(
      [task(1, "queued"), task(2, "failed", lost), task(3, "failed", lost), task(4, "failed")],
      {
        dependsOn: { 2: [1], 3: [2], 4: [1] },
      },
    );
    const followed = await cascade(tx, [moved(1, "failed", "queued")], () => 0);
    expect(statesOf(rows)).toEqual(["queued", "blocked", "blocked", "failed"]);
    expect(followed.flatMap(({ events }) => events.map(({ type }) => type))).toEqual([
      "task.redriven",
      "task.redriven",
    ]);
  });

  test("leaves what failed alone where the redriven task was cancelled in the same batch", async () => {
    const { tx, rows } = ledgerOf([task(1, "cancelled"), task(2, "failed", lost)], { dependsOn: { 2: [1] } });
    await cascade(tx, [moved(1, "failed", "cancelled")], () => 0);
    expect(statesOf(rows)).toEqual(["cancelled", "failed"]);
  });

  test("cancels all that was delegated from a cancelled task, and tells the agents", async () => {
    const child = heldEntry("running", { taskId: taskIdOf(2) });
    const { tx, rows } = ledgerOf([task(1, "cancelled"), child, task(3, "queued"), task(4, "completed")], {
      children: { 1: [2, 4], 2: [3] },
    });
    const followed = await cascade(tx, [moved(1, "running", "cancelled")], () => 0);
    expect(statesOf(rows)).toEqual(["cancelled", "cancelled", "cancelled", "completed"]);
    expect(followed[0]?.notices).toMatchObject([{ reason: "parent_cancelled" }]);
  });

  test("a failed task takes its children not along", async () => {
    const { tx, rows } = ledgerOf([task(1, "failed"), task(2, "queued")], { children: { 1: [2] } });
    await cascade(tx, [moved(1, "running", "failed")], () => 0);
    expect(statesOf(rows)).toEqual(["failed", "queued"]);
  });

  test("follows a long chain to its end, a round each", async () => {
    const length = 300;
    const numbers = Array.from({ length }, (_, index) => index + 1);
    const dependsOn = Object.fromEntries(numbers.slice(1).map((number) => [number, [number - 1]]));
    const ledger = ledgerOf([task(1, "failed"), ...numbers.slice(1).map((number) => task(number))], { dependsOn });
    const followed = await cascade(ledger.tx, [moved(1, "running", "failed")], () => 0);
    expect(followed).toHaveLength(length - 1);
    expect(ledger.writes).toBeLessThanOrEqual(length);
  });
});
