import { isDeepStrictEqual } from "node:util";
import {
  canTransition,
  isFinal,
  isOpen,
  type LedgerAssignment,
  type LedgerChange,
  type LedgerEntry,
  parseQuestion,
  type TaskState,
  timeoutOf,
} from "@devmesh/models";
import fc from "fast-check";
import { expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, assignmentOf, entryOf, later, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import type { AgentWord, MeshWord, Operation } from "../operation.ts";
import { createDraft } from "./draft.ts";

const acceptMs = 10_000;

/** A step of a task's life: a frame about its nth latest assignment, a word of the mesh, an offer, time. */
type Step =
  | { readonly kind: "frame"; readonly back: number; readonly staleBy: number; readonly word: AgentWord }
  | { readonly kind: "word"; readonly word: MeshWord }
  | { readonly kind: "take"; readonly agent: number; readonly leaseMs: number }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "sweep" };

/** What the store keeps of one task: its row, its assignments, its results, and who its lane shuts out. */
interface Row {
  readonly entry: LedgerEntry;
  readonly assignments: readonly LedgerAssignment[];
  readonly results: number;
  readonly excluded: readonly string[];
  readonly nowMs: number;
}

const agentWord: fc.Arbitrary<AgentWord> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<AgentWord>({ kind: "accept" }) },
  { weight: 1, arbitrary: fc.constant<AgentWord>({ kind: "reject", reason: "no" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("progress" as const),
      percent: fc.option(fc.nat(100), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("extend" as const), leaseMs: fc.integer({ min: 1, max: 4_000_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("complete" as const),
      output: fc.constant("1"),
      artifacts: fc.constant(undefined),
      usage: fc.constant(undefined),
      schemaProblems: fc.constantFrom(undefined, [], ["bad"], ["bad"]),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      class: fc.constantFrom("retryable" as const, "rate_limited" as const, "permanent" as const),
      message: fc.constant("m"),
      retryAfterMs: fc.option(fc.nat(Number.MAX_SAFE_INTEGER), { nil: undefined }),
      usage: fc.constant(undefined),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      id: fc.constantFrom("q1", "q2"),
      requestId: fc.constantFrom("r1", "r2"),
      question: fc.constantFrom("go on?", "sure?"),
      timeoutMs: fc.constantFrom(1, 50_000, 3_000_000),
      onTimeout: fc.constantFrom("fail" as const, "requeue" as const, "default" as const),
      default: fc.constant(false),
    }),
  },
);
const meshWord: fc.Arbitrary<MeshWord> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      answer: fc.constant("1"),
      answeredBy: fc.constant({ kind: "default" as const }),
      questionId: fc.constantFrom(undefined, "q1", "q2"),
    }),
  },
  { weight: 1, arbitrary: fc.constant<MeshWord>({ kind: "cancel", reason: "c" }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("redrive" as const), blocked: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant<MeshWord>({ kind: "wake" }) },
  { weight: 2, arbitrary: fc.constant<MeshWord>({ kind: "check" }) },
  { weight: 6, arbitrary: fc.constant<MeshWord>({ kind: "unblock" }) },
  { weight: 1, arbitrary: fc.constant<MeshWord>({ kind: "dependency_failed", dependencyId: taskIdOf(9) }) },
  { weight: 1, arbitrary: fc.constant<MeshWord>({ kind: "reblock" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("release" as const),
      agentId: fc.constantFrom(agentIdOf(1), agentIdOf(2)),
      offeredOnly: fc.boolean(),
      reason: fc.constant("r"),
    }),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("frame" as const),
      back: fc.constantFrom(0, 0, 0, 1, 2),
      staleBy: fc.constantFrom(0, 0, 0, 0, 1),
      word: agentWord,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("word" as const), word: meshWord }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      agent: fc.integer({ min: 1, max: 4 }),
      leaseMs: fc.constantFrom(500, 30_000, 3_600_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("time" as const),
      ms: fc.oneof(fc.nat(2_000), fc.nat(40_000), fc.nat(4_000_000)),
    }),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "sweep" }) },
);

const soon = (maxMs: number) => fc.option(fc.integer({ min: 1, max: maxMs }).map(later), { nil: undefined });
const beginning: fc.Arbitrary<Row> = fc
  .record({
    state: fc.constantFrom("blocked" as const, "queued" as const),
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    timeoutMs: fc.constantFrom(1_000, 600_000),
    deadline: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: soon(8_000_000) }),
    notBefore: soon(60_000),
    hasOutputSchema: fc.boolean(),
    uncounted: fc.constantFrom(0, 18),
  })
  .map((more) => ({
    entry: entryOf({ ...more, wakeAt: more.deadline }),
    assignments: [],
    results: 0,
    excluded: [],
    nowMs: now.getTime(),
  }));

test("a task's life keeps to its rules, whatever is said and however time passes", () => {
  const visited = new Set<string>();
  fc.assert(
    fc.property(
      beginning,
      fc.array(step, { minLength: 40, maxLength: 60, size: "max" }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (start, steps, random) => {
        let row = start;
        for (const one of steps) {
          const next = play(row, one, random);
          assertRules(row, next, one);
          if (row.entry.state !== next.entry.state) visited.add(`${row.entry.state} → ${next.entry.state}`);
          row = next;
        }
      },
    ),
    { numRuns: 1_500 },
  );
  // the walk is worth something only if it comes round; three rare ones are left to the tables of words
  const common = [
    "assigned → cancelled",
    "assigned → queued",
    "assigned → running",
    "assigned → scheduled",
    "blocked → cancelled",
    "blocked → failed",
    "blocked → queued",
    "blocked → scheduled",
    "failed → blocked",
    "failed → queued",
    "queued → assigned",
    "queued → cancelled",
    "queued → failed",
    "running → cancelled",
    "running → completed",
    "running → failed",
    "running → queued",
    "running → scheduled",
    "running → waiting",
    "scheduled → cancelled",
    "scheduled → queued",
    "waiting → failed",
    "waiting → queued",
    "waiting → running",
  ];
  expect(common.filter((move) => !visited.has(move))).toEqual([]);
});

test("operations on one task in one batch are as good as one after the other", () => {
  fc.assert(
    fc.property(
      beginning,
      fc.array(step, { maxLength: 15 }),
      fc.oneof(
        fc.array(meshWord, { minLength: 1, maxLength: 5 }).map((words) => ({ words, frames: [] as AgentWord[] })),
        fc.array(agentWord, { minLength: 1, maxLength: 5 }).map((frames) => ({ words: [] as MeshWord[], frames })),
      ),
      (start, steps, { words, frames }) => {
        const row = steps.reduce((before, one) => play(before, one, 0.5), start);
        const operations = [
          ...words.map((word): Operation => ({ tenantId, taskId: row.entry.taskId, word })),
          ...frames.flatMap((word) => frameAbout(row, { kind: "frame", back: 0, staleBy: 0, word }) ?? []),
        ];
        const together = perform(row, operations, 0.5);
        const apart = operations.reduce((before, one) => perform(before, [one], 0.5), row);
        hold(isDeepStrictEqual(together, apart), "one batch is as good as several");
      },
    ),
    { numRuns: 300 },
  );
});

function play(row: Row, one: Step, random: number): Row {
  switch (one.kind) {
    case "time":
      return { ...row, nowMs: row.nowMs + one.ms };
    case "take":
      return take(row, one);
    case "word":
      return perform(row, [{ tenantId, taskId: row.entry.taskId, word: one.word }], random);
    case "frame": {
      const frame = frameAbout(row, one);
      return frame === undefined ? row : perform(row, [frame], random);
    }
    case "sweep":
      return sweep(row, random);
  }
}

/** What the sweep does at the next time that the row itself names. */
function sweep(row: Row, random: number): Row {
  const open = openOf(row);
  const dueMs = Math.min(row.entry.wakeAt?.getTime() ?? Infinity, open?.checkAt.getTime() ?? Infinity);
  if (dueMs === Infinity) return row;
  const at = { ...row, nowMs: Math.max(row.nowMs, dueMs) };
  const kind = row.entry.wakeAt?.getTime() === dueMs ? "wake" : "check";
  return perform(at, [{ tenantId, taskId: row.entry.taskId, word: { kind } }], random);
}

function take(row: Row, { agent, leaseMs }: Extract<Step, { kind: "take" }>): Row {
  const { entry } = row;
  if (entry.state !== "queued" || row.excluded.includes(agentIdOf(agent))) return row;
  const fence = entry.fence + 1;
  const assignment = assignmentOf({
    id: assignmentIdOf(fence),
    agentId: agentIdOf(agent),
    fence,
    leaseMs,
    acceptUntil: new Date(row.nowMs + acceptMs),
    checkAt: new Date(row.nowMs + Math.min(acceptMs, leaseMs, entry.timeoutMs)),
  });
  const after: LedgerEntry = { ...entry, state: "assigned", fence, attempt: entry.counted + 1, wakeAt: entry.deadline };
  return { ...row, entry: after, assignments: [...row.assignments, assignment] };
}

function frameAbout(row: Row, { back, staleBy, word }: Extract<Step, { kind: "frame" }>): Operation | undefined {
  const assignment = row.assignments.at(-1 - back);
  if (assignment === undefined) return undefined;
  const { id, agentId, fence } = assignment;
  return { tenantId, assignmentId: id, agentId, fence: fence - staleBy, word };
}

/** Decides a batch and writes it as the repository does. */
function perform(row: Row, operations: readonly Operation[], random: number): Row {
  const decideOnce = (): readonly LedgerChange[] => {
    const draft = createDraft(entriesFor(row, operations), { now: new Date(row.nowMs), random: 0 }, () => random);
    for (const operation of operations) draft.apply(operation);
    return draft.changes();
  };
  const [change, ...others] = decideOnce();
  hold(others.length === 0, "a batch about one task is one change");
  hold(isDeepStrictEqual(decideOnce()[0], change), "a decision is the same again");
  if (change === undefined) return row;
  const { before, after, result, excluded } = change;
  hold(before.state === row.entry.state, "a change starts from what the store holds");
  hold(after.state === before.state || change.events.length > 0, "a new state is an event");
  const ended = after.assignment;
  return {
    ...row,
    entry: { ...after, notBefore: row.entry.notBefore, assignment: undefined, holdsCurrentAssignment: false },
    assignments: row.assignments.map((one) => (one.id === ended?.id ? ended : one)),
    results: row.results + (result === undefined ? 0 : 1),
    excluded: excluded ?? row.excluded,
  };
}

function entriesFor(row: Row, operations: readonly Operation[]): readonly LedgerEntry[] {
  const isParked = (["blocked", "scheduled", "queued"] as TaskState[]).includes(row.entry.state);
  const current = isParked ? undefined : row.assignments.at(-1);
  const show = (assignment: LedgerAssignment | undefined): LedgerEntry => ({
    ...row.entry,
    assignment,
    holdsCurrentAssignment: assignment !== undefined && assignment === current,
  });
  const named = operations.flatMap((one) => ("assignmentId" in one ? one.assignmentId : []));
  if (named.length === 0) return [show(openOf(row))];
  const frames = row.assignments.filter(({ id }) => named.includes(id));
  return frames.map((assignment) => ({ ...show(assignment), notBefore: undefined }));
}

function openOf(row: Row): LedgerAssignment | undefined {
  return row.assignments.find(({ state }) => isOpen(state));
}

function assertRules(before: Row, after: Row, one: Step): void {
  const was = before.entry;
  const is = after.entry;
  const mayRedrive = one.kind === "word" && (one.word.kind === "redrive" || one.word.kind === "reblock");
  hold(was.state === is.state || canTransition(was.state, is.state), `${was.state} → ${is.state} is in the table`);
  hold(is.fence >= was.fence, "a fence never falls");
  hold(after.results === (is.state === "completed" ? 1 : 0), "a completed task has one result, any other none");
  const isSame = isDeepStrictEqual({ ...after, nowMs: 0 }, { ...before, nowMs: 0 });
  hold(!isFinal(was.state) || mayRedrive || isSame, "a final task changes by a redrive alone");
  for (const [index, assignment] of before.assignments.entries()) {
    const isEnded = !isOpen(assignment.state);
    hold(!isEnded || isDeepStrictEqual(after.assignments[index], assignment), "an end is written once");
  }
  assertCounts(was, is, mayRedrive);
  assertTimes(after);
  assertClock(before, after);
  assertLane(after);
}

function assertCounts(was: LedgerEntry, is: LedgerEntry, mayRedrive: boolean): void {
  hold(is.counted <= is.maxAttempts, "no more tries than maxAttempts are counted");
  hold(mayRedrive || is.counted >= was.counted, "what was counted stays counted");
  const isSameNumber = is.counted === was.counted && is.attempt === was.attempt;
  hold(is.uncounted <= was.uncounted || isSameNumber, "an uncounted try does not change the number");
  const isHeld = heldStates.includes(is.state);
  hold(!isHeld || is.attempt === is.counted + 1, "the attempt shown is the one after those counted");
}

function assertTimes({ entry, assignments }: Row): void {
  const open = assignments.filter(({ state }) => isOpen(state));
  hold(open.length === (heldStates.includes(entry.state) ? 1 : 0), "a held task is held once");
  for (const assignment of open) {
    const { checkAt } = assignment;
    const times = timesOf(assignment);
    hold(
      times.every((time) => time !== undefined && checkAt <= time),
      "the sweep looks in time",
    );
  }
  const { state, wakeAt, deadline, finishedAt } = entry;
  hold((finishedAt !== undefined) === isFinal(state), "a final task has an end");
  hold(!isFinal(state) || wakeAt === undefined, "a final task sleeps for ever");
  hold(isFinal(state) || deadline === undefined || (wakeAt !== undefined && wakeAt <= deadline), "a deadline is seen");
  hold(state !== "scheduled" || wakeAt !== undefined, "what is scheduled wakes");
  hold(!Number.isNaN(wakeAt?.getTime()), "every time is a time");
}

const heldStates: readonly TaskState[] = ["assigned", "running", "waiting"];

/** The times at which something must happen to an open assignment. */
function timesOf(assignment: LedgerAssignment): readonly (Date | undefined)[] {
  const { state, acceptUntil, leaseUntil, attemptUntil, question, askedAt } = assignment;
  if (state === "offered") return [acceptUntil];
  if (state === "running") return [leaseUntil, attemptUntil];
  return [question === undefined || askedAt === undefined ? undefined : timeoutOf(parseQuestion(question), askedAt)];
}

/** Lease and attempt stand still while a question is pending, and what was left of the attempt is left after it. */
function assertClock(before: Row, after: Row): void {
  const is = after.assignments.at(-1);
  const was = before.assignments[after.assignments.length - 1];
  hold((is?.state === "waiting") === (is?.askedAt !== undefined), "who waits has asked");
  if (is === undefined || was === undefined) return;
  const leftOf = ({ attemptUntil }: LedgerAssignment): number =>
    Math.max(0, (attemptUntil?.getTime() ?? Number.NaN) - after.nowMs);
  if (is.state === "waiting") {
    hold(is.attemptUntil === undefined, "the clock does not run while a question is pending");
    const leftMs = was.state === "waiting" ? was.attemptLeftMs : leftOf(was);
    hold(is.attemptLeftMs === leftMs, "what is left of an attempt stays");
  }
  if (is.state !== "running") return;
  hold(is.attemptLeftMs === undefined, "the clock of a running attempt runs");
  if (was.state === "waiting") hold(leftOf(is) === was.attemptLeftMs, "an answer gives back what was left");
}

/** Whoever rejected the task is shut out of its lane; whoever let it lie is let in again in time. */
function assertLane({ entry, excluded, nowMs }: Row): void {
  if (entry.state !== "queued") return;
  hold(
    entry.rejectedBy.every((agentId) => excluded.includes(agentId)),
    "who rejected a task is not offered it again",
  );
  const isPassedOver = excluded.length > entry.rejectedBy.length;
  const untilMs = entry.wakeAt?.getTime() ?? Number.POSITIVE_INFINITY;
  hold(!isPassedOver || untilMs <= nowMs + 30_000, "nobody is passed over for longer than 30 s");
}

/** `expect` takes most of the time of a walk of 20,000 steps. */
function hold(condition: boolean, rule: string): void {
  if (!condition) throw new Error(`broken: ${rule}`);
}
