import type { LedgerChange, LedgerEntry } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentOf, entryOf, heldEntry, later, taskIdOf, tenantId } from "../../test/fakes.ts";
import { dueTimes, freedSlots, movedTo } from "./changes.ts";

const change = (before: LedgerEntry, after: LedgerEntry): LedgerChange => ({
  before,
  after,
  events: [],
  result: undefined,
  notices: [],
  excluded: undefined,
});
const running = heldEntry("running");
const completed = { ...running, state: "completed", assignment: assignmentOf({ state: "completed" }) } as const;

describe("freedSlots", () => {
  test("names the agent whose assignment ended", () => {
    expect(freedSlots([change(running, completed)])).toEqual([{ tenantId, agentId: agentIdOf(1) }]);
    expect(freedSlots([change(running, { ...running, assignment: undefined })])).toHaveLength(1);
  });

  test.each([
    ["an assignment that goes on", running, { ...running, progress: "{}" }],
    ["an assignment that was accepted", heldEntry("assigned"), running],
    ["an assignment that had ended", completed, completed],
    ["a task without one", entryOf(), entryOf({ state: "cancelled" })],
  ])("names nobody for %s", (_, before, after) => expect(freedSlots([change(before, after)])).toEqual([]));
});

describe("movedTo", () => {
  test("names the tasks that came into one of the states, and none that was there", () => {
    const changes = [
      change(running, completed),
      change(entryOf({ taskId: taskIdOf(2) }), entryOf({ taskId: taskIdOf(2), state: "cancelled" })),
      change(entryOf({ taskId: taskIdOf(3), state: "failed" }), entryOf({ taskId: taskIdOf(3), state: "failed" })),
    ];
    expect(movedTo(changes, "completed")).toEqual([{ tenantId, taskId: taskIdOf(1) }]);
    expect(movedTo(changes, "failed", "cancelled")).toEqual([{ tenantId, taskId: taskIdOf(2) }]);
    expect(movedTo(changes, "queued")).toEqual([]);
  });
});

describe("dueTimes", () => {
  const looked = (checkAt: Date): LedgerEntry => ({
    ...running,
    assignment: assignmentOf({ state: "running", checkAt }),
  });

  test("tells of wake-ups and of looks at open assignments that moved", () => {
    const scheduled = entryOf({ state: "scheduled", wakeAt: later(5_000) });
    const changes = [change(entryOf(), scheduled), change(looked(later(1_500)), looked(later(2_000)))];
    expect(dueTimes(changes)).toEqual([later(5_000), later(2_000)]);
  });

  test.each([
    ["a look that stays", looked(later(1_500)), { ...looked(later(1_500)), progress: "{}" }],
    ["an assignment that ended", looked(later(1_500)), completed],
    ["a task without one", entryOf(), entryOf({ state: "cancelled" })],
  ])("tells nothing of %s", (_, before, after) => expect(dueTimes([change(before, after)])).toEqual([]));
});
