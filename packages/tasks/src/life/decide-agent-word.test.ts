import { type AssignmentState, assignmentStates, isOpen, type LedgerEntry, type TaskState } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, heldEntry, later, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { AgentOperation, AgentWord } from "../operation.ts";
import { decideAgentWord, maxLeaseMs } from "./decide-agent-word.ts";

const words = {
  accept: { kind: "accept" },
  reject: { kind: "reject", reason: "not mine" },
  progress: { kind: "progress", percent: 50 },
  complete: { kind: "complete", output: "42", artifacts: undefined, usage: undefined },
  fail: { kind: "fail", class: "retryable", message: "no luck", usage: undefined },
  extend: { kind: "extend", leaseMs: 60_000 },
  ask: { kind: "ask", id: "q", requestId: "r", question: "go on?", timeoutMs: 1_000, onTimeout: "fail" },
} as const satisfies Record<string, AgentWord>;

const operation = (word: AgentWord, more: Partial<AgentOperation> = {}): AgentOperation => ({
  tenantId,
  assignmentId: assignmentIdOf(1),
  agentId: agentIdOf(1),
  fence: 1,
  word,
  ...more,
});

function decide(entry: LedgerEntry | undefined, word: AgentWord, more: Partial<AgentOperation> = {}) {
  const decision = decideAgentWord(entry, operation(word, more), { now, random: 0.5 });
  return { after: entry, events: [], ...decision };
}

/** The outcome in a word: the state that was recorded, `duplicate`, or the code of the refusal. */
function told(entry: LedgerEntry | undefined, word: AgentWord, more: Partial<AgentOperation> = {}): string {
  const { outcome, after } = decide(entry, word, more);
  if (outcome.kind === "recorded") return outcome.duplicate ? "duplicate" : (after?.state ?? "");
  if (outcome.kind !== "refused") return outcome.kind;
  return outcome.error.reason ?? outcome.error.code;
}

const early = "failed_precondition";
const stale = "stale_assignment";
const twice = "duplicate";
/** What each word meets at each state of the assignment that it is about, while the task has no newer one. */
const table: Record<AssignmentState, Record<keyof typeof words, string>> = {
  offered: {
    accept: "running",
    reject: "queued",
    progress: early,
    complete: early,
    fail: early,
    extend: early,
    ask: early,
  },
  running: {
    accept: twice,
    reject: "queued",
    progress: "running",
    complete: "completed",
    fail: "scheduled",
    extend: "running",
    ask: "waiting",
  },
  waiting: {
    accept: twice,
    reject: "queued",
    progress: "waiting",
    complete: early,
    fail: "scheduled",
    extend: "waiting",
    ask: early,
  },
  completed: { accept: twice, reject: early, progress: early, complete: twice, fail: early, extend: early, ask: early },
  failed: { accept: twice, reject: early, progress: early, complete: early, fail: twice, extend: early, ask: early },
  rejected: { accept: twice, reject: twice, progress: early, complete: early, fail: early, extend: early, ask: early },
  accept_expired: {
    accept: stale,
    reject: stale,
    progress: stale,
    complete: stale,
    fail: stale,
    extend: stale,
    ask: stale,
  },
  lease_expired: {
    accept: twice,
    reject: stale,
    progress: stale,
    complete: stale,
    fail: stale,
    extend: stale,
    ask: stale,
  },
  timed_out: { accept: twice, reject: stale, progress: stale, complete: stale, fail: stale, extend: stale, ask: stale },
  released: { accept: twice, reject: stale, progress: stale, complete: stale, fail: stale, extend: stale, ask: stale },
  cancelled: { accept: twice, reject: stale, progress: stale, complete: stale, fail: stale, extend: stale, ask: stale },
};

/** The states that a task can be in while its latest assignment is in that state. */
const taskStatesBeside: Record<AssignmentState, readonly TaskState[]> = {
  offered: ["assigned"],
  running: ["running"],
  waiting: ["waiting"],
  completed: ["completed"],
  failed: ["scheduled", "queued", "failed", "cancelled", "blocked"],
  rejected: ["queued", "scheduled", "cancelled"],
  accept_expired: ["queued", "scheduled", "failed", "cancelled"],
  lease_expired: ["queued", "failed", "cancelled"],
  timed_out: ["scheduled", "queued", "failed", "cancelled"],
  released: ["queued", "scheduled", "cancelled"],
  cancelled: ["cancelled", "failed"],
};

function entryWith(assignmentState: AssignmentState, state: TaskState): LedgerEntry {
  const open = assignmentState === "offered" || assignmentState === "accept_expired" ? "assigned" : "running";
  const holdsCurrentAssignment = !["queued", "scheduled", "blocked"].includes(state);
  return heldEntry(open, { state, holdsCurrentAssignment }, { state: assignmentState });
}

describe("a frame about an assignment", () => {
  for (const assignmentState of assignmentStates) {
    for (const state of taskStatesBeside[assignmentState]) {
      const entry = entryWith(assignmentState, state);
      test(`${assignmentState}, its task ${state}, has its answer for each word`, () => {
        for (const [name, word] of Object.entries(words)) {
          const expected = table[assignmentState][name as keyof typeof words];
          expect(told(entry, word), name).toBe(expected);
          if (!isOpen(assignmentState)) expect(decide(entry, word).after, name).toBe(entry);
        }
      });

      test(`${assignmentState}, its task ${state}, is stale under another fence and nobody else's`, () => {
        for (const word of Object.values(words)) {
          expect(told(entry, word, { fence: 0 })).toBe(stale);
          expect(told(entry, word, { fence: 2 })).toBe(stale);
          expect(told(entry, word, { agentId: agentIdOf(2) })).toBe("not_found");
          expect(told(undefined, word)).toBe("not_found");
        }
      });
    }
  }

  test("that has a newer one is stale, but for what was recorded on it", () => {
    for (const assignmentState of assignmentStates.filter((one) => !isOpen(one))) {
      const entry = { ...entryWith(assignmentState, "running"), fence: 2, holdsCurrentAssignment: false };
      for (const [name, word] of Object.entries(words)) {
        const expected = table[assignmentState][name as keyof typeof words];
        expect(told(entry, word), `${assignmentState} ${name}`).toBe(expected === twice ? twice : stale);
      }
    }
  });

  test("rejected before it was accepted is stale to accept", () => {
    const entry = { ...heldEntry("assigned", {}, { state: "rejected" }), state: "queued" } as const;
    expect(told(entry, words.accept)).toBe("failed_precondition");
  });
});

describe("what is recorded", () => {
  test("tells of the lease while the assignment goes on, and not of one that ended", () => {
    const running = heldEntry("running", {}, { leaseUntil: later(1_000) });
    expect(decide(running, words.accept).outcome).toMatchObject({ duplicate: true, leaseUntil: later(1_000) });
    for (const word of [words.reject, words.complete, words.fail]) {
      expect(decide(running, word).outcome).toMatchObject({ kind: "recorded", leaseUntil: undefined });
    }
  });
});

describe("ACCEPT", () => {
  test("starts the lease and the attempt's clock", () => {
    const { after, events } = decide(heldEntry("assigned", { timeoutMs: 5_000 }), words.accept);
    expect(after?.assignment).toMatchObject({ leaseUntil: later(30_000), attemptUntil: later(5_000) });
    expect(after?.startedAt).toEqual(now);
    expect(events).toEqual([
      { type: "task.accepted", data: { assignmentId: assignmentIdOf(1), agentId: agentIdOf(1), fence: 1 } },
    ]);
  });

  test("keeps when the task first started", () => {
    expect(decide(heldEntry("assigned", { startedAt: later(-9) }), words.accept).after?.startedAt).toEqual(later(-9));
  });
});

describe("REJECT", () => {
  test("is not counted, and the agent is not offered the task again", () => {
    const before = heldEntry("assigned", { rejectedBy: [agentIdOf(2)], uncounted: 1 });
    const decision = decide(before, words.reject);
    expect(decision.after).toMatchObject({ state: "queued", counted: 0, attempt: 1, uncounted: 2 });
    expect(decision.after?.rejectedBy).toEqual([agentIdOf(2), agentIdOf(1)]);
    expect(decision).toMatchObject({ excluded: [agentIdOf(1), agentIdOf(2)] });
    expect(decision.events.map(({ type }) => type)).toEqual(["task.rejected", "task.queued"]);
  });

  test("waits with backoff after 20 uncounted tries in a row", () => {
    expect(told(heldEntry("assigned", { uncounted: 18 }), words.reject)).toBe("queued");
    const decision = decide(heldEntry("assigned", { uncounted: 19 }), words.reject);
    expect(decision.after).toMatchObject({ state: "scheduled", uncounted: 20, wakeAt: later(500) });
    expect(decide(heldEntry("assigned", { uncounted: 20 }), words.reject).after).toMatchObject({
      wakeAt: later(1_000),
    });
  });
});

describe("PROGRESS and EXTEND", () => {
  const running = heldEntry("running", {}, { leaseUntil: later(1_000) });

  test("PROGRESS renews the lease to its full length, and is an event where it says something", () => {
    const decision = decide(running, words.progress);
    expect(decision.after?.assignment?.leaseUntil).toEqual(later(30_000));
    expect(decision.after?.progress).toBe(`{"percent":50,"at":"${now.toISOString()}"}`);
    expect(decision.events.map(({ type }) => type)).toEqual(["task.progress"]);
    const silent = decide({ ...running, progress: "{}" }, { kind: "progress" });
    expect(silent.events).toEqual([]);
    expect(silent.after).toMatchObject({ progress: "{}", assignment: { leaseUntil: later(30_000) } });
    expect(decide(running, { kind: "progress", log: [] }).events).toEqual([]);
    expect(decide(running, { kind: "progress", log: ["line"] }).events).toHaveLength(1);
  });

  test("PROGRESS after a long EXTEND is looked at in time", () => {
    const extended = heldEntry("running", {}, { leaseUntil: later(3_600_000), checkAt: later(600_000) });
    expect(decide(extended, words.progress).after?.assignment).toMatchObject({
      leaseUntil: later(30_000),
      checkAt: later(30_000),
    });
  });

  test("EXTEND sets the lease to so long from now, an hour at most", () => {
    const leaseAfter = (leaseMs: number) => decide(running, { kind: "extend", leaseMs }).after?.assignment?.leaseUntil;
    expect(leaseAfter(60_000)).toEqual(later(60_000));
    expect(leaseAfter(maxLeaseMs)).toEqual(later(3_600_000));
    expect(leaseAfter(maxLeaseMs + 1)).toEqual(later(3_600_000));
    expect(leaseAfter(10)).toEqual(later(10));
    expect(decide(running, { kind: "extend", leaseMs: 10 }).after?.assignment?.checkAt).toEqual(later(10));
    expect(decide(running, words.extend).outcome).toMatchObject({ leaseUntil: later(60_000) });
  });
});

describe("COMPLETE", () => {
  test("records one result and ends the task", () => {
    const word = { ...words.complete, artifacts: "[]", usage: '{"model":"m"}' };
    const decision = decide(heldEntry("running", { wakeAt: later(5), deadline: later(5) }), word);
    expect(decision).toMatchObject({
      after: { state: "completed", finishedAt: now, wakeAt: undefined, assignment: { state: "completed" } },
      result: { assignmentId: assignmentIdOf(1), output: "42", artifacts: "[]", usage: '{"model":"m"}' },
    });
    expect(decision.after?.assignment?.usage).toBe('{"model":"m"}');
  });

  const withSchema = heldEntry("running", { hasOutputSchema: true });
  test("asks for validation where the task has a schema, before anything changes", () => {
    const decision = decide(withSchema, words.complete);
    expect(decision.outcome).toEqual({ kind: "needs_validation", taskId: taskIdOf(1) });
    expect(decision.after).toBe(withSchema);
    expect(told(withSchema, { ...words.complete, schemaProblems: [] })).toBe("completed");
  });

  test("of an output that misses the schema is refused twice, and the third fails the attempt", () => {
    const bad = { ...words.complete, schemaProblems: [{ path: "/score", message: "must be number" }] };
    let entry = withSchema;
    for (const schemaFailures of [1, 2]) {
      const { after, outcome } = decide(entry, bad);
      expect(outcome).toMatchObject({
        error: { code: "invalid_argument", reason: "output_schema", details: bad.schemaProblems },
      });
      expect(after).toMatchObject({ state: "running", assignment: { state: "running", schemaFailures } });
      if (after !== undefined) entry = after;
    }
    const third = decide(entry, bad);
    expect(third.outcome).toMatchObject({ error: { reason: "output_schema" } });
    expect(third.after).toMatchObject({ state: "scheduled", counted: 1, assignment: { state: "failed" } });
    expect(third).not.toHaveProperty("result");
  });
});

describe("FAIL", () => {
  const fail = (kind: "retryable" | "rate_limited" | "permanent", retryAfterMs?: number): AgentWord => ({
    ...words.fail,
    class: kind,
    retryAfterMs,
  });

  test("as retryable counts, and is tried again after the backoff, or the time that the agent asks for", () => {
    expect(decide(heldEntry("running"), fail("retryable")).after).toMatchObject({ counted: 1, wakeAt: later(500) });
    const second = heldEntry("running", { counted: 1, attempt: 2 });
    expect(decide(second, fail("retryable")).after).toMatchObject({ counted: 2, wakeAt: later(1_000) });
    expect(decide(second, fail("retryable", 7_000)).after).toMatchObject({ counted: 2, wakeAt: later(7_000) });
  });

  test("as retryable in the last attempt fails the task", () => {
    const decision = decide(heldEntry("running", { counted: 2, attempt: 3 }), fail("retryable"));
    expect(decision.after).toMatchObject({ state: "failed", counted: 3, finishedAt: now, wakeAt: undefined });
    expect(JSON.parse(decision.after?.error ?? "")).toEqual({ class: "retryable", message: "no luck" });
    expect(decision.events.map(({ type }) => type)).toEqual(["task.attempt_failed", "task.failed"]);
  });

  test("as rate limited is not counted, however often", () => {
    const last = heldEntry("running", { counted: 2, attempt: 3, uncounted: 2 });
    const decision = decide(last, fail("rate_limited", 5_000));
    expect(decision.after).toMatchObject({
      state: "scheduled",
      counted: 2,
      attempt: 3,
      uncounted: 3,
      wakeAt: later(5_000),
    });
    expect(decide(last, fail("rate_limited")).after).toMatchObject({ wakeAt: later(2_000) });
  });

  test("as permanent fails the task at once", () => {
    const decision = decide(heldEntry("running"), fail("permanent"));
    expect(decision.after).toMatchObject({ state: "failed", counted: 1 });
    expect(JSON.parse(decision.after?.error ?? "")).toMatchObject({ class: "permanent" });
  });

  test("never waits beyond the deadline, nor for longer than a time can say", () => {
    const bound = heldEntry("running", { deadline: later(100) });
    expect(decide(bound, fail("retryable", 5_000)).after).toMatchObject({ wakeAt: later(100) });
    const { after } = decide(heldEntry("running"), fail("rate_limited", Number.MAX_SAFE_INTEGER));
    expect(after).toMatchObject({ state: "scheduled", wakeAt: later(2_592_000_000) });
  });

  test("as retryable ends a row of uncounted tries", () => {
    expect(decide(heldEntry("running", { uncounted: 7 }), fail("retryable")).after).toMatchObject({ uncounted: 0 });
  });
});
