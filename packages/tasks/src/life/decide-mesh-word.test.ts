import { type LedgerEntry, type TaskState, taskStates } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, entryOf, heldEntry, later, now, taskIdOf } from "../../test/fakes.ts";
import type { MeshWord } from "../operation.ts";
import { decideMeshWord } from "./decide-mesh-word.ts";

const decide = (entry: LedgerEntry, word: MeshWord) => decideMeshWord(entry, word, { now, random: 0.5 });
const isHeld = (state: TaskState) => state === "assigned" || state === "running" || state === "waiting";
const inState = (state: TaskState, more: Partial<LedgerEntry> = {}): LedgerEntry =>
  state === "assigned" || state === "running" || state === "waiting"
    ? heldEntry(state, more)
    : entryOf({ state, ...more });

/** The state that each word leads to; `same` where nothing changes, `refused` where that is an error. */
const table: readonly [string, MeshWord, Partial<LedgerEntry>, Record<TaskState, TaskState | "same" | "refused">][] = [
  [
    "cancel",
    { kind: "cancel", reason: "asked" },
    {},
    all("cancelled", { completed: "same", failed: "same", cancelled: "same" }),
  ],
  ["redrive", { kind: "redrive", blocked: false }, {}, all("refused", { failed: "queued" })],
  ["redrive of what is blocked", { kind: "redrive", blocked: true }, {}, all("refused", { failed: "blocked" })],
  ["redrive past the limit", { kind: "redrive", blocked: false }, { redrives: 3 }, all("refused")],
  [
    "forced redrive past the limit",
    { kind: "redrive", blocked: false, order: { by: undefined, force: true } },
    { redrives: 3 },
    all("refused", { failed: "queued" }),
  ],
  ["redrive past the deadline", { kind: "redrive", blocked: false }, { deadline: now }, all("refused")],
  [
    "redrive before the deadline",
    { kind: "redrive", blocked: false },
    { deadline: later(1) },
    all("refused", { failed: "queued" }),
  ],
  ["wake too early", { kind: "wake" }, { wakeAt: later(1) }, all("same")],
  ["wake of what does not sleep", { kind: "wake" }, {}, all("same")],
  [
    "wake at the deadline",
    { kind: "wake" },
    { wakeAt: now, deadline: now },
    all("failed", { completed: "same", failed: "same", cancelled: "same" }),
  ],
  ["unblock", { kind: "unblock" }, {}, all("same", { blocked: "queued" })],
  ["unblock before its time", { kind: "unblock" }, { notBefore: later(1) }, all("same", { blocked: "scheduled" })],
  ["unblock at its time", { kind: "unblock" }, { notBefore: now }, all("same", { blocked: "queued" })],
  [
    "dependency_failed",
    { kind: "dependency_failed", dependencyId: taskIdOf(9) },
    {},
    all("same", { blocked: "failed" }),
  ],
  [
    "reblock of what failed by a dependency",
    { kind: "reblock" },
    { error: '{"class":"dependency","message":"m"}' },
    all("same", { failed: "blocked" }),
  ],
  [
    "reblock of what failed by itself",
    { kind: "reblock" },
    { error: JSON.stringify({ class: "permanent", message: '"class":"dependency"' }) },
    all("same"),
  ],
  [
    "release",
    { kind: "release", agentId: agentIdOf(1), offeredOnly: false, reason: "deregistered" },
    {},
    all("same", { assigned: "queued", running: "queued", waiting: "queued" }),
  ],
  [
    "release of what was offered",
    { kind: "release", agentId: agentIdOf(1), offeredOnly: true, reason: "draining" },
    {},
    all("same", { assigned: "queued" }),
  ],
  [
    "release by another agent",
    { kind: "release", agentId: agentIdOf(2), offeredOnly: false, reason: "deregistered" },
    {},
    all("same"),
  ],
];

function all<To>(to: To, but: Partial<Record<TaskState, To>> = {}): Record<TaskState, To> {
  const of = (state: TaskState): To => but[state] ?? to;
  return Object.fromEntries(taskStates.map((state) => [state, of(state)])) as Record<TaskState, To>;
}

describe("a word of the mesh", () => {
  for (const [name, word, more, expected] of table) {
    test.each(taskStates)(`${name} finds a task %s`, (state) => {
      const before = inState(state, more);
      const { after, outcome, events } = decide(before, word);
      if (expected[state] === "refused" || expected[state] === "same") {
        expect(after).toBe(before);
        expect(events).toEqual([]);
        expect(outcome.kind).toBe(expected[state] === "same" ? "recorded" : "refused");
      } else {
        expect(after.state).toBe(expected[state]);
        expect(outcome).toMatchObject({ kind: "recorded", taskState: expected[state], duplicate: false });
        expect(events.length).toBeGreaterThan(0);
      }
    });
  }
});

describe("cancel", () => {
  test.each(taskStates.filter(isHeld))("ends the assignment of a task %s and tells its agent", (state) => {
    const { after, notices } = decide(inState(state), { kind: "cancel", reason: "asked" });
    expect(after.assignment).toMatchObject({ state: "cancelled", endReason: "asked" });
    expect(after).toMatchObject({ finishedAt: now, wakeAt: undefined });
    expect(notices).toEqual([
      { kind: "cancel", agentId: agentIdOf(1), assignmentId: assignmentIdOf(1), fence: 1, reason: "asked" },
    ]);
  });
});

describe("redrive", () => {
  const failed = entryOf({
    state: "failed",
    attempt: 3,
    counted: 3,
    uncounted: 2,
    fence: 7,
    rejectedBy: [agentIdOf(1)],
    error: "{}",
    progress: "{}",
    startedAt: now,
    finishedAt: now,
    deadline: later(9_000),
  });

  test("gives fresh attempts, goes on counting the fence, and lets every agent in again", () => {
    for (const blocked of [false, true]) {
      const { after, events, excluded } = decide(failed, { kind: "redrive", blocked });
      expect(after).toMatchObject({
        attempt: 0,
        counted: 0,
        uncounted: 0,
        fence: 7,
        rejectedBy: [],
        wakeAt: later(9_000),
      });
      expect([after.error, after.progress, after.startedAt, after.finishedAt]).toEqual(Array(4).fill(undefined));
      expect(excluded).toEqual([]);
      expect(events.map(({ type }) => type)).toEqual(blocked ? ["task.redriven"] : ["task.redriven", "task.queued"]);
    }
  });

  test("is refused with the code for a wrong state", () => {
    const { outcome } = decide(entryOf(), { kind: "redrive", blocked: false });
    expect(outcome).toMatchObject({ error: { code: "failed_precondition" } });
  });
});

describe("redrive", () => {
  test("is refused where a dependency was cancelled: the task would be blocked for ever", () => {
    const lostDependency = entryOf({}).taskId;
    const failed = entryOf({ state: "failed", finishedAt: now });
    const { outcome, after } = decide(failed, { kind: "redrive", blocked: true, lostDependency });
    expect(outcome).toMatchObject({ kind: "refused", error: { code: "failed_precondition" } });
    expect(after).toBe(failed);
  });
});

describe("wake", () => {
  test("queues what was scheduled, without those that let it lie lately", () => {
    const fresh = entryOf({ state: "scheduled", wakeAt: now, deadline: later(60_000) });
    const { after, excluded } = decide(fresh, { kind: "wake" });
    expect(after).toMatchObject({ state: "queued", wakeAt: later(60_000) });
    expect(excluded).toBeUndefined();
    const passedOver = [
      { agentId: agentIdOf(1), until: now },
      { agentId: agentIdOf(2), until: later(9) },
    ];
    const passing = decide({ ...fresh, passedOver }, { kind: "wake" });
    expect(passing.after).toMatchObject({ state: "queued", wakeAt: later(9), passedOver: passedOver.slice(1) });
    expect(passing.excluded).toEqual([agentIdOf(2)]);
  });

  test("lets each agent that was passed over in again when its own time is up", () => {
    const passedOver = [
      { agentId: agentIdOf(1), until: now },
      { agentId: agentIdOf(2), until: later(20) },
    ];
    const { after, excluded } = decide(entryOf({ wakeAt: now, passedOver }), { kind: "wake" });
    expect(after).toMatchObject({ wakeAt: later(20), passedOver: passedOver.slice(1) });
    expect(excluded).toEqual([agentIdOf(2)]);
  });

  test("brings a queued task back to the lane of all that did not reject it", () => {
    const passedOver = entryOf({ wakeAt: now, deadline: later(5), rejectedBy: [agentIdOf(3), agentIdOf(2)] });
    const { after, excluded, events } = decide(passedOver, { kind: "wake" });
    expect(after).toMatchObject({ state: "queued", wakeAt: later(5) });
    expect(excluded).toEqual([agentIdOf(2), agentIdOf(3)]);
    expect(events).toEqual([]);
  });

  test.each(taskStates.filter(isHeld))("at the deadline takes a task %s from its agent", (state) => {
    const { after, notices } = decide(inState(state, { wakeAt: now, deadline: now }), { kind: "wake" });
    expect(after).toMatchObject({ state: "failed", counted: 0, assignment: { state: "cancelled" } });
    expect(JSON.parse(after.error ?? "")).toMatchObject({ class: "deadline" });
    expect(notices).toMatchObject([{ reason: "deadline" }]);
  });
});

describe("check", () => {
  const check = (entry: LedgerEntry) => decide(entry, { kind: "check" });

  test("looks at nothing where no assignment is open", () => {
    for (const state of taskStates.filter((one) => !isHeld(one))) {
      const entry = inState(state);
      expect(check(entry).after).toBe(entry);
    }
  });

  test("takes back what was not accepted in time, uncounted, and passes its agent over for 30 s", () => {
    const decision = check(heldEntry("assigned", { deadline: later(60_000) }, { acceptUntil: now }));
    expect(decision.after).toMatchObject({
      state: "queued",
      counted: 0,
      uncounted: 1,
      wakeAt: later(30_000),
      rejectedBy: [],
    });
    expect(decision.after.assignment?.state).toBe("accept_expired");
    expect(decision.excluded).toEqual([agentIdOf(1)]);
    expect(decision.events.map(({ type }) => type)).toEqual(["task.accept_expired", "task.queued"]);
  });

  test("takes back what lost its lease, counted, and tells the agent", () => {
    const decision = check(heldEntry("running", {}, { leaseUntil: now }));
    expect(decision.after).toMatchObject({ state: "queued", counted: 1, assignment: { state: "lease_expired" } });
    expect(decision.notices).toMatchObject([{ reason: "lease_expired" }]);
  });

  test("fails the attempt that took too long, even where its lease ran out as well", () => {
    const decision = check(heldEntry("running", {}, { leaseUntil: now, attemptUntil: now }));
    expect(decision.after).toMatchObject({ state: "scheduled", counted: 1, assignment: { state: "timed_out" } });
    expect(decision.notices).toMatchObject([{ reason: "timeout" }]);
    expect(decision.events[0]).toMatchObject({ type: "task.attempt_failed", data: { class: "retryable" } });
  });

  test("fails the task with its last attempt", () => {
    for (const window of [{ leaseUntil: now }, { attemptUntil: now }]) {
      const decision = check(heldEntry("running", { counted: 2 }, window));
      expect(decision.after).toMatchObject({ state: "failed", counted: 3 });
    }
  });

  test("puts its next look at the next of the times that is to come", () => {
    expect(check(heldEntry("assigned")).after.assignment?.checkAt).toEqual(later(10_000));
    expect(check(heldEntry("running")).after.assignment?.checkAt).toEqual(later(30_000));
    const short = heldEntry("running", {}, { attemptUntil: later(7) });
    expect(check(short).after.assignment?.checkAt).toEqual(later(7));
    expect(check(heldEntry("running")).events).toEqual([]);
  });

  test("lets lease and clock stand still while the task waits for a person", () => {
    const waiting = heldEntry("waiting", {}, { leaseUntil: later(-1), attemptUntil: later(-1) });
    expect(check(waiting).after).toMatchObject({ state: "waiting", assignment: { state: "waiting" } });
    expect(check(waiting).after.assignment?.checkAt.getTime()).toBeGreaterThan(now.getTime());
  });
});

describe("release", () => {
  test("is not counted, whatever was done, and the agent may get the task again", () => {
    const word = { kind: "release", agentId: agentIdOf(1), offeredOnly: false, reason: "deregistered" } as const;
    const decision = decide(heldEntry("running", { counted: 2, attempt: 3 }), word);
    expect(decision.after).toMatchObject({ state: "queued", counted: 2, attempt: 3, uncounted: 1, rejectedBy: [] });
    expect(decision.after.assignment).toMatchObject({ state: "released", endReason: "deregistered" });
    expect(decision.notices).toMatchObject([{ reason: "deregistered" }]);
  });
});
