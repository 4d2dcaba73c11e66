import { type AskedQuestion, type LedgerEntry, maxQuestions, type TaskState, taskStates } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, entryOf, heldEntry, later, now, tenantId } from "../../test/fakes.ts";
import type { AgentWord, MeshWord } from "../operation.ts";
import { decideAgentWord } from "./decide-agent-word.ts";
import { decideMeshWord } from "./decide-mesh-word.ts";
import type { Decision } from "./decision.ts";

const asked: AskedQuestion = {
  id: "00000000-0000-7000-8000-0000000000c1",
  requestId: "r1",
  question: "go on?",
  timeoutMs: 60_000,
  onTimeout: "fail",
};
const askedBy = { kind: "svc", id: "00000000-0000-7000-8000-0000000000d1" as never } as const;
const running = heldEntry("running");

function say(entry: LedgerEntry, word: AgentWord, at = now): Decision {
  const operation = { tenantId, assignmentId: assignmentIdOf(1), agentId: agentIdOf(1), fence: 1, word };
  return { after: entry, events: [], ...decideAgentWord(entry, operation, { now: at, random: 0.5 }) };
}

const ask = (entry: LedgerEntry, more: Partial<AskedQuestion> = {}, at = now): Decision =>
  say(entry, { kind: "ask", ...asked, ...more }, at);
const decide = (entry: LedgerEntry, word: MeshWord, at = now): Decision =>
  decideMeshWord(entry, word, { now: at, random: 0.5 });
const answer = (entry: LedgerEntry, more: Partial<Extract<MeshWord, { kind: "answer" }>> = {}, at = now): Decision =>
  decide(entry, { kind: "answer", answer: "true", answeredBy: askedBy, ...more }, at);
const waiting = (more: Partial<AskedQuestion> = {}): LedgerEntry => ask(running, more).after;

describe("a question", () => {
  test("makes the task wait: lease and attempt's clock stand still, the slot stays taken", () => {
    const { after, events, outcome } = ask(running, {}, later(20_000));
    expect(outcome).toEqual({
      kind: "recorded",
      taskId: running.taskId,
      taskState: "waiting",
      leaseUntil: undefined,
      duplicate: false,
    });
    expect(after).toMatchObject({
      state: "waiting",
      assignment: { state: "waiting", slot: "held", askedAt: later(20_000), attemptLeftMs: 580_000 },
    });
    expect(after.assignment?.checkAt).toEqual(later(80_000));
    const data = {
      questionId: asked.id,
      question: "go on?",
      onTimeout: "fail",
      timeoutAt: later(80_000).toISOString(),
    };
    expect(events).toEqual([{ type: "task.waiting", data: expect.objectContaining(data) }]);
  });

  test("is asked once, however often its frame comes", () => {
    const pending = waiting();
    for (const more of [{}, { id: "another", requestId: "r2" }]) {
      expect(ask(pending, more).outcome).toMatchObject({ duplicate: true, taskState: "waiting" });
    }
    const answered = answer(pending).after;
    expect(ask(answered, { id: "another" }).outcome).toMatchObject({ duplicate: true, taskState: "running" });
    expect(ask(answered, { id: "another", requestId: "r2" }).outcome).toMatchObject({ duplicate: false });
  });

  test.each<[string, Partial<AskedQuestion>]>([
    ["text", { question: "sure?" }],
    ["schema", { schema: { type: "boolean" } }],
    ["time", { timeoutMs: 1 }],
    ["outcome", { onTimeout: "requeue" }],
    ["default", { default: 0 }],
  ])("of another %s has to wait for the one before it", (_, more) => {
    expect(ask(waiting(), more).outcome).toMatchObject({ kind: "refused", error: { code: "failed_precondition" } });
  });

  test("is refused before ACCEPT, after the end, under an old fence, and past the limit", () => {
    const code = (entry: LedgerEntry): unknown => ask(entry).outcome;
    expect(code(heldEntry("assigned"))).toMatchObject({ error: { code: "failed_precondition" } });
    expect(code(heldEntry("running", {}, { state: "completed" }))).toMatchObject({
      error: { code: "failed_precondition" },
    });
    expect(code(heldEntry("running", { fence: 2 }))).toMatchObject({ error: { reason: "stale_assignment" } });
    expect(code(heldEntry("running", { answerCount: maxQuestions }))).toMatchObject({
      error: { code: "failed_precondition", reason: "too_many_questions" },
    });
    expect(code(heldEntry("running", { answerCount: maxQuestions - 1 }))).toMatchObject({ kind: "recorded" });
  });

  test("lets the agent report and give up, but not renew a lease that stands still", () => {
    const pending = waiting();
    const progressed = say(pending, { kind: "progress", note: "asked" }, later(40_000));
    expect(progressed.outcome).toMatchObject({ taskState: "waiting", leaseUntil: undefined });
    expect(progressed.after.assignment).toEqual(pending.assignment);
    expect(progressed.events).toHaveLength(1);
    expect(say(pending, { kind: "extend", leaseMs: 3_600_000 }).after.assignment).toEqual(pending.assignment);
    const failed = say(pending, { kind: "fail", class: "permanent", message: "m", usage: undefined }).after;
    expect(failed).toMatchObject({ state: "failed", assignment: { state: "failed", askedAt: undefined } });
    expect(ask(failed).outcome).toMatchObject({ error: { code: "failed_precondition" } });
  });
});

describe("an answer", () => {
  test("lets the task run on: a lease in full, the rest of the attempt, a message to the agent", () => {
    const pending = ask(running, {}, later(20_000)).after;
    const { after, events, notices, answers } = answer(pending, { answer: '{"__proto__":1}' }, later(3_600_000));
    expect(after).toMatchObject({
      state: "running",
      answerCount: 1,
      assignment: {
        state: "running",
        askedAt: undefined,
        attemptLeftMs: undefined,
        attemptUntil: later(4_180_000),
        leaseUntil: later(3_630_000),
        checkAt: later(3_630_000),
      },
    });
    expect(events).toEqual([
      { type: "task.answered", data: expect.objectContaining({ questionId: asked.id, answeredBy: askedBy }) },
    ]);
    expect(answers).toEqual([
      {
        questionId: asked.id,
        assignmentId: assignmentIdOf(1),
        question: "go on?",
        answer: '{"__proto__":1}',
        answeredBy: askedBy,
      },
    ]);
    expect(notices).toMatchObject([{ kind: "message", messageKind: "task.answer", messageId: asked.id }]);
    const content = notices?.[0]?.kind === "message" ? notices[0].content : "";
    expect(content).toBe(
      `{"taskId":"${pending.taskId}","assignmentId":"${assignmentIdOf(1)}","answer":{"__proto__":1}}`,
    );
  });

  test.each(taskStates.filter((state) => state !== "waiting"))("to a %s task is refused and names that", (state) => {
    const entry = isHeld(state) ? heldEntry(state) : entryOf({ state });
    const { outcome, after } = answer(entry);
    expect(outcome).toMatchObject({ error: { code: "failed_precondition", message: expect.stringContaining(state) } });
    expect(after).toBe(entry);
  });

  test("is the only one of two", () => {
    expect(answer(answer(waiting()).after).outcome).toMatchObject({ error: { code: "failed_precondition" } });
  });

  test("is held against the schema of the question that is pending now", () => {
    const pending = waiting({ schema: { type: "boolean" } });
    expect(answer(pending).outcome).toMatchObject({ kind: "needs_check", question: { id: asked.id } });
    const checked = (questionId: string, problems: unknown[]) => answer(pending, { checked: { questionId, problems } });
    expect(checked("another", []).outcome.kind).toBe("needs_check");
    const refused = checked(asked.id, [{ path: "", message: "must be boolean" }]);
    expect(refused.outcome).toMatchObject({
      error: { code: "invalid_argument", reason: "answer_schema", details: [{ message: "must be boolean" }] },
    });
    expect(refused.after).toBe(pending);
    expect(checked(asked.id, []).after.state).toBe("running");
  });

  test("to another question than the pending one is refused", () => {
    expect(answer(waiting(), { questionId: "another" }).outcome).toMatchObject({
      error: { code: "failed_precondition", reason: "question_changed" },
    });
    expect(answer(waiting(), { questionId: asked.id }).outcome.kind).toBe("recorded");
  });

  test("leaves the clock of a parent standing that has no slot yet", () => {
    const yielded = heldEntry("running", {}, { slot: "yielded", attemptLeftMs: 5_000, attemptUntil: undefined });
    const { after } = answer(ask(yielded).after, {}, later(10_000));
    expect(after).toMatchObject({ state: "running", assignment: { attemptLeftMs: 5_000, attemptUntil: undefined } });
  });
});

describe("a question without an answer", () => {
  const check = (entry: LedgerEntry, ms: number): Decision => decide(entry, { kind: "check" }, later(ms));

  test("waits until its time, however often the sweep looks", () => {
    const { after, events } = check(waiting(), 59_999);
    expect(after).toMatchObject({ state: "waiting", assignment: { checkAt: later(60_000) } });
    expect(events).toEqual([]);
  });

  test("fails the task, by default", () => {
    const { after, events, notices } = check(waiting(), 60_000);
    const error = JSON.stringify({ class: "input_timeout", message: "nobody answered within 60000 ms" });
    expect(after).toMatchObject({ state: "failed", counted: 1, error, assignment: { state: "timed_out" } });
    expect(after.assignment?.askedAt).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["task.attempt_failed", "task.failed"]);
    expect(notices).toMatchObject([{ kind: "cancel", reason: "input_timeout" }]);
  });

  test("sends the task back to the queue, as a counted try, until there is none left", () => {
    const { after, notices } = check(waiting({ onTimeout: "requeue" }), 60_000);
    expect(after).toMatchObject({ state: "queued", counted: 1, assignment: { state: "timed_out" } });
    expect(notices).toMatchObject([{ kind: "cancel", reason: "input_timeout" }]);
    const last = ask(heldEntry("running", { maxAttempts: 1 }), { onTimeout: "requeue" }).after;
    expect(check(last, 60_000).after).toMatchObject({ state: "failed", error: expect.stringContaining("retryable") });
  });

  test.each([{ go: false }, null, false])("goes on with the default %j", (given) => {
    const { after, answers, notices, events } = check(waiting({ onTimeout: "default", default: given }), 60_000);
    expect(after).toMatchObject({ state: "running", answerCount: 1, assignment: { leaseUntil: later(90_000) } });
    expect(answers).toMatchObject([{ answer: JSON.stringify(given), answeredBy: { kind: "default" } }]);
    expect(notices).toMatchObject([{ kind: "message", messageKind: "task.answer" }]);
    expect(events.map(({ type }) => type)).toEqual(["task.answered"]);
  });

  test("ends with its task by cancel, deadline and the agent's leaving, and is answered no more", () => {
    const dead = ask(heldEntry("running", { deadline: later(30_000), wakeAt: later(30_000) })).after;
    const ends: readonly [Decision, TaskState][] = [
      [decide(waiting(), { kind: "cancel", reason: "c" }), "cancelled"],
      [decide(dead, { kind: "wake" }, later(30_000)), "failed"],
      [decide(waiting(), { kind: "release", agentId: agentIdOf(1), offeredOnly: false, reason: "left" }), "queued"],
    ];
    for (const [{ after, notices }, state] of ends) {
      expect(after).toMatchObject({ state, assignment: { askedAt: undefined } });
      expect(notices).toHaveLength(1);
      expect(answer(after).outcome).toMatchObject({ error: { code: "failed_precondition" } });
    }
    const drained = decide(waiting(), { kind: "release", agentId: agentIdOf(1), offeredOnly: true, reason: "drains" });
    expect(drained.after.state).toBe("waiting");
  });
});

function isHeld(state: TaskState): state is "assigned" | "running" {
  return state === "assigned" || state === "running";
}
