import type { LedgerEntry } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, entryOf, heldEntry, later, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { AgentWord, MeshWord, Operation, Outcome } from "../operation.ts";
import { createDraft } from "./draft.ts";

const frame = (word: AgentWord, number = 1, fence = number): Operation => ({
  tenantId,
  assignmentId: assignmentIdOf(number),
  agentId: agentIdOf(1),
  fence,
  word,
});
const word = (what: MeshWord, task = 1): Operation => ({ tenantId, taskId: taskIdOf(task), word: what });
const complete: AgentWord = { kind: "complete", output: "1", artifacts: undefined, usage: undefined };
const fail: AgentWord = { kind: "fail", class: "permanent", message: "m", usage: undefined };
const redrive: MeshWord = { kind: "redrive", blocked: false };

function draftOf(entries: readonly LedgerEntry[], operations: readonly Operation[]) {
  const draft = createDraft(entries, { now, random: 0 }, () => 0.5);
  const outcomes = operations.map((operation) => draft.apply(operation));
  return { outcomes: outcomes.map(told), changes: draft.changes() };
}

function told(outcome: Outcome): string {
  if (outcome.kind === "recorded") return outcome.duplicate ? "duplicate" : outcome.taskState;
  return outcome.kind === "refused" ? (outcome.error.reason ?? outcome.error.code) : outcome.kind;
}

describe("a draft", () => {
  test("makes one change of several operations on one task", () => {
    const before = heldEntry("assigned");
    const { outcomes, changes } = draftOf(
      [before],
      [frame({ kind: "accept" }), frame({ kind: "progress", percent: 1 }), frame(complete)],
    );
    expect(outcomes).toEqual(["running", "running", "completed"]);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.before).toBe(before);
    expect(changes[0]?.after.state).toBe("completed");
    expect(changes[0]?.events.map(({ type }) => type)).toEqual(["task.accepted", "task.progress", "task.completed"]);
    expect(changes[0]?.result?.output).toBe("1");
  });

  test("answers the second of two equal frames as a duplicate, and keeps the first result", () => {
    const other = { ...complete, output: "2" };
    const { outcomes, changes } = draftOf([heldEntry("running")], [frame(complete), frame(other), frame(fail)]);
    expect(outcomes).toEqual(["completed", "duplicate", "failed_precondition"]);
    expect(changes[0]?.result?.output).toBe("1");
  });

  test("changes nothing where nothing was recorded", () => {
    const withSchema = heldEntry("running", { hasOutputSchema: true });
    const { outcomes, changes } = draftOf([withSchema], [frame(complete), frame(complete, 1, 0), frame(complete, 9)]);
    expect(outcomes).toEqual(["needs_validation", "stale_assignment", "not_found"]);
    expect(changes).toEqual([]);
  });

  test("shows an older assignment beside the task's new state", () => {
    const current = heldEntry("running", { fence: 2 }, { id: assignmentIdOf(2), fence: 2 });
    const older = heldEntry("running", { fence: 2, holdsCurrentAssignment: false }, { state: "failed" });
    const { outcomes, changes } = draftOf([older, current], [frame(complete, 2), frame(fail, 1), frame(complete, 1)]);
    expect(outcomes).toEqual(["completed", "duplicate", "stale_assignment"]);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.after.assignment?.id).toBe(assignmentIdOf(2));
  });

  test("keeps the end of an assignment through a redrive in the same batch", () => {
    const last = heldEntry("running", { counted: 2, attempt: 3 }, { leaseUntil: now });
    const { outcomes, changes } = draftOf(
      [last],
      [word({ kind: "check" }), word(redrive), word({ kind: "cancel", reason: "c" })],
    );
    expect(outcomes).toEqual(["failed", "queued", "cancelled"]);
    expect(changes[0]?.after.assignment).toMatchObject({ id: assignmentIdOf(1), state: "lease_expired" });
    expect(changes[0]?.notices).toHaveLength(1);
    expect(changes[0]?.excluded).toEqual([]);
  });

  test("lets a cancel before a frame win, and a frame before a cancel", () => {
    expect(draftOf([heldEntry("running")], [word({ kind: "cancel", reason: "c" }), frame(complete)]).outcomes).toEqual([
      "cancelled",
      "stale_assignment",
    ]);
    expect(draftOf([heldEntry("running")], [frame(complete), word({ kind: "cancel", reason: "c" })]).outcomes).toEqual([
      "completed",
      "completed",
    ]);
  });

  test("refuses a task that is not there, and harms no other", () => {
    const { outcomes, changes } = draftOf([entryOf({ state: "failed" })], [word(redrive, 7), word(redrive)]);
    expect(outcomes).toEqual(["not_found", "queued"]);
    expect(changes).toHaveLength(1);
  });

  test("gives changes in the order of the tasks' ids", () => {
    const entries = [3, 1, 2].map((number) => entryOf({ taskId: taskIdOf(number), wakeAt: later(1) }));
    const { changes } = draftOf(
      entries,
      [3, 2, 1].map((number) => word({ kind: "cancel", reason: "c" }, number)),
    );
    expect(changes.map(({ after }) => after.taskId)).toEqual([1, 2, 3].map(taskIdOf));
  });
});
