import {
  type AppError,
  type Delegation,
  type LedgerEntry,
  type TaskId,
  taskSubmissionSchema,
  toRequirements,
} from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, heldEntry, laneIdOf, later, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import { awaitSlot, yieldSlot } from "../life/yield-slot.ts";
import { checkDelegation, inherit, type Parent, yieldSlots } from "./delegate.ts";
import type { Draft } from "./new-task.ts";

const delegation: Delegation = { assignmentId: assignmentIdOf(1), agentId: agentIdOf(1), yieldSlot: false };
const yielding = { ...delegation, yieldSlot: true };

function parentOf(entry: LedgerEntry = heldEntry("running"), more: Partial<Parent> = {}): Parent {
  return { entry: entry as Parent["entry"], depth: 0, labels: [], traceparent: undefined, openAssignments: 1, ...more };
}

function draft(more: Record<string, unknown> = {}): Draft {
  const submission = taskSubmissionSchema.parse({ type: "work", ...more });
  const dependsOn = submission.dependsOn.map((id) => id as TaskId);
  const requirements = toRequirements("work", undefined);
  const rest = { requirements, laneId: laneIdOf(1), parentId: undefined, depth: 0, traceparent: undefined };
  return { tenantId, id: taskIdOf(2), submission, dependsOn, ...rest };
}

describe("who may delegate", () => {
  const ended = (state: "completed" | "lease_expired" | "cancelled" | "rejected") =>
    heldEntry("running", {}, { state });
  test.each<[string, Parent | undefined, Delegation, string | undefined, string | undefined]>([
    ["an agent at work", parentOf(), yielding, undefined, undefined],
    ["one that has yielded", parentOf(yieldSlot(heldEntry("running"), now)), yielding, undefined, undefined],
    ["one that asks a person", parentOf(heldEntry("waiting")), delegation, undefined, undefined],
    ["but it yields no slot", parentOf(heldEntry("waiting")), yielding, "failed_precondition", undefined],
    ["nobody without the assignment", undefined, delegation, "not_found", undefined],
    ["nobody else", parentOf(), { ...delegation, agentId: agentIdOf(2) }, "not_found", undefined],
    ["not before accepting", parentOf(heldEntry("assigned")), delegation, "failed_precondition", undefined],
    ["not after a cancel", parentOf(ended("cancelled")), delegation, "conflict", "stale_assignment"],
    ["not after a lost lease", parentOf(ended("lease_expired")), delegation, "conflict", "stale_assignment"],
    ["not after its result", parentOf(ended("completed")), delegation, "failed_precondition", undefined],
    ["not after a rejection", parentOf(ended("rejected")), delegation, "failed_precondition", undefined],
    [
      "not once the task has another",
      parentOf(heldEntry("running", { fence: 2 })),
      delegation,
      "conflict",
      "stale_assignment",
    ],
    ["down to the limit", parentOf(undefined, { depth: 7 }), delegation, undefined, undefined],
    ["with 5,000 assignments", parentOf(undefined, { openAssignments: 5_000 }), delegation, undefined, undefined],
    [
      "but it yields no more",
      parentOf(undefined, { openAssignments: 5_000 }),
      yielding,
      "resource_exhausted",
      undefined,
    ],
    ["not below it", parentOf(undefined, { depth: 8 }), delegation, "failed_precondition", "depth_limit"],
  ])("%s", (_, parent, asked, code, reason) => {
    const error = checkDelegation(asked, parent, 8);
    expect([error?.code, error?.reason]).toEqual([code, reason]);
  });
});

describe("a child inherits", () => {
  test("its parent, one level deeper", () => {
    expect(inherit(draft(), parentOf(undefined, { depth: 3 }), now)).toMatchObject({
      parentId: taskIdOf(1),
      depth: 4,
    });
  });

  test("labels, the parent's first and each once", () => {
    const { submission } = inherit(draft({ labels: ["b", "c"] }), parentOf(undefined, { labels: ["a", "b"] }), now);
    expect(submission.labels).toEqual(["a", "b", "c"]);
  });

  test.each([
    [undefined, undefined, undefined],
    [undefined, 5_000, 5_000],
    [9_000, 5_000, 5_000],
    [3_000, 5_000, 3_000],
    [3_000, undefined, 3_000],
  ])("the earlier deadline: of %s and the parent's %s it is %s", (own, inherited, expected) => {
    const deadlineIn = (ms: number | undefined) => (ms === undefined ? undefined : later(ms));
    const entry = heldEntry("running", { deadline: deadlineIn(inherited) });
    const { submission } = inherit(draft({ deadline: deadlineIn(own)?.toISOString() }), parentOf(entry), now);
    expect(submission.deadline).toBe(deadlineIn(expected)?.toISOString());
  });

  test("the trace, unless it has its own", () => {
    const parent = parentOf(undefined, { traceparent: "parent" });
    expect(inherit(draft(), parent, now).traceparent).toBe("parent");
    expect(inherit({ ...draft(), traceparent: "own" }, parent, now).traceparent).toBe("own");
  });
});

test.each<[string, Draft, Parent, string]>([
  [
    "more than 20 labels",
    draft({ labels: ["x"] }),
    parentOf(undefined, { labels: Array.from({ length: 20 }, (_, index) => String(index)) }),
    "invalid_argument",
  ],
  ["a parent that may wait for what waits for it", draft({ dependsOn: [taskIdOf(1)] }), parentOf(), "invalid_argument"],
  ["a parent past its deadline", draft(), parentOf(heldEntry("running", { deadline: now })), "failed_precondition"],
])("refuses %s", (_, child, parent, code) => {
  expect(() => inherit(child, parent, now)).toThrow(expect.objectContaining({ code }) as AppError);
});

describe("slots of parents", () => {
  const running = heldEntry("running");
  const slotAfter = (entry: LedgerEntry, ...delegations: Delegation[]) => {
    const changes = yieldSlots(delegations, new Map([[assignmentIdOf(1), parentOf(entry)]]), now);
    return changes.map(({ before, after }) => [before.assignment?.slot, after.assignment?.slot]);
  };
  test.each<[string, ReturnType<typeof slotAfter>, [string, string][]]>([
    ["is yielded where it is asked for", slotAfter(running, yielding), [["held", "yielded"]]],
    ["once, however often", slotAfter(running, delegation, yielding, yielding), [["held", "yielded"]]],
    ["and kept where it is not", slotAfter(running, delegation), []],
    ["stays yielded", slotAfter(yieldSlot(running, now), delegation, yielding), []],
    [
      "is not awaited while there is a child again",
      slotAfter(awaitSlot(yieldSlot(running, now), now), delegation),
      [["awaited", "yielded"]],
    ],
  ])("%s", (_, changes, expected) => expect(changes).toEqual(expected));
});
