import type {
  AgentId,
  BudgetId,
  BudgetStanding,
  Candidate,
  LimitId,
  LimitStanding,
  QueuedTask,
  TaskSubject,
} from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentIdOf, laneIdOf, taskIdOf, tenantId } from "../../test/fakes.ts";
import { type CapFigures, createCapCount, findMisplaced, type Placing } from "./cap-count.ts";

const limitIdOf = (n: number) => `limit-${n}` as LimitId;
const budgetIdOf = (n: number) => `budget-${n}` as BudgetId;

const task = (n: number, budgetIds: readonly BudgetId[] = []): QueuedTask => ({
  tenantId,
  taskId: taskIdOf(n),
  laneId: laneIdOf(1),
  strategy: "round_robin",
  rank: n,
  budgetIds,
});
const agent = (n: number, costMicroUsd?: number): Candidate => ({
  tenantId,
  laneId: laneIdOf(1),
  agentId: agentIdOf(n),
  agentName: `a${n}`,
  levelGap: 0,
  costMicroUsd,
  inFlight: 0,
  maxConcurrency: 1_000,
  lastAssignedAt: undefined,
});
const limit = (n: number, more: Partial<LimitStanding>): LimitStanding => ({
  id: limitIdOf(n),
  tenantId,
  kind: "tenant",
  value: "",
  maxInFlight: 1,
  inFlight: 0,
  ...more,
});
const budget = (n: number, more: Partial<BudgetStanding>): BudgetStanding => ({
  id: budgetIdOf(n),
  tenantId,
  scope: "tenant",
  subjectId: undefined,
  unit: "micro_usd",
  cap: 100,
  spent: 0,
  reserved: 0,
  ...more,
});
const subject = (n: number, labels: readonly string[] = []): TaskSubject => ({
  taskId: taskIdOf(n),
  type: "work",
  labels,
  budgetIds: [],
  laneLimitIds: [],
});
const open = (figures: Partial<CapFigures>) =>
  createCapCount({ rules: figures.limits ?? [], subjects: [], limits: [], budgets: [], ...figures });
const kinds = (placings: readonly Placing[]): readonly string[] => placings.map(({ kind }) => kind);

describe("limits", () => {
  test("count down while a plan is made, each for the tasks that it is about", () => {
    const limits = [limit(1, { maxInFlight: 3 }), limit(2, { kind: "label", value: "red" })];
    const subjects = [subject(1, ["red"]), subject(2, ["red", "blue"]), subject(3, ["blue"]), subject(4), subject(5)];
    const caps = open({ limits, subjects });
    const placings = [1, 2, 3, 4, 5].map((n) => caps.place(task(n), [agent(1)]));
    expect(kinds(placings)).toEqual(["agent", "waits", "agent", "agent", "waits"]);
    expect(placings[0]).toMatchObject({ limitIds: [limitIdOf(1), limitIdOf(2)] });
  });

  test("that were lowered below what is in flight let nothing through", () => {
    const caps = open({ limits: [limit(1, { maxInFlight: 2, inFlight: 5 })], subjects: [subject(1)] });
    expect(kinds([caps.place(task(1), [agent(1)])])).toEqual(["waits"]);
  });

  test("of another tenant, and one that is gone, count nothing", () => {
    const foreign = limit(1, { tenantId: "00000000-0000-7000-8000-0000000000ff" as never, maxInFlight: 0 });
    const gone = limit(2, { maxInFlight: 0 });
    const caps = open({ rules: [foreign, gone], limits: [foreign], subjects: [subject(1)] });
    expect(caps.place(task(1), [agent(1)])).toMatchObject({ kind: "agent", limitIds: [] });
  });

  test("that a task's lane lacks are found, with all that it is subject to", () => {
    const rules = [limit(2, {}), limit(1, { kind: "type", value: "work" }), limit(3, { kind: "type", value: "other" })];
    const placed = { ...subject(1), laneLimitIds: [limitIdOf(1), limitIdOf(2), limitIdOf(9)] };
    const misplaced = { ...subject(2), laneLimitIds: [limitIdOf(1)] };
    expect(findMisplaced([task(1), task(2)], { rules, subjects: [placed, misplaced] })).toEqual([
      { task: task(2), limitIds: [limitIdOf(1), limitIdOf(2)] },
    ]);
  });
});

describe("budgets", () => {
  test("take the next candidate where the best one is too dear", () => {
    const caps = open({ budgets: [budget(1, { spent: 60 })] });
    expect(caps.place(task(1), [agent(1, 50), agent(2, 40), agent(3, 1)])).toMatchObject({
      kind: "agent",
      candidate: { agentId: agentIdOf(2) },
      reservations: [{ budgetId: budgetIdOf(1), unit: "micro_usd", amount: 40 }],
    });
    expect(caps.place(task(2), [agent(3, 0)])).toMatchObject({ kind: "parked", budgetId: budgetIdOf(1) });
  });

  test("reserve what is left of the task's own cap, whatever the agent costs", () => {
    const own = budget(1, { scope: "task", subjectId: taskIdOf(1), cap: 50, spent: 20 });
    const tokens = budget(2, { unit: "tokens", cap: 1 });
    const caps = open({ budgets: [own, budget(3, {}), tokens] });
    expect(caps.place(task(1, [own.id]), [agent(1, 7)])).toMatchObject({
      reservations: [
        { budgetId: own.id, amount: 30 },
        { budgetId: budgetIdOf(3), amount: 30 },
        { budgetId: tokens.id, amount: 0 },
      ],
    });
  });

  test("of nothing let through what reserves nothing only while something is left", () => {
    const caps = open({ budgets: [budget(1, { cap: 10, spent: 9 })] });
    expect(kinds([caps.place(task(1), [agent(1)]), caps.place(task(2), [agent(1)])])).toEqual(["agent", "agent"]);
    const spent = open({ budgets: [budget(1, { cap: 10, spent: 10 })] });
    expect(kinds([spent.place(task(1), [agent(1)])])).toEqual(["parked"]);
  });

  test("of agents leave a task in its lane, or have it offered anew where its own cap is what is too large", () => {
    const ofAgent = budget(1, { scope: "agent", subjectId: agentIdOf(1) as AgentId, cap: 10 });
    expect(open({ budgets: [ofAgent] }).place(task(1), [agent(1, 11)])).toEqual({ kind: "waits" });
    const own = budget(2, { scope: "task", subjectId: taskIdOf(1), cap: 11 });
    const caps = open({ budgets: [ofAgent, own] });
    expect(caps.place(task(1, [own.id]), [agent(1, 1)])).toEqual({
      kind: "parked",
      budgetId: ofAgent.id,
      retryAfterMs: 60_000,
    });
    expect(caps.place(task(1, [own.id]), [agent(1, 1), agent(2, 1)])).toMatchObject({
      candidate: { agentId: agentIdOf(2) },
    });
  });
});

test("whatever is asked for, no limit and no budget is passed, and what was placed is what was counted", () => {
  const small = fc.nat({ max: 6 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ maxInFlight: small, inFlight: small, kind: fc.constantFrom("tenant", "type", "label") })),
      fc.array(fc.record({ cap: fc.nat(60), spent: fc.nat(60), agent: fc.boolean() })),
      fc.array(fc.record({ red: fc.boolean(), costs: fc.array(fc.option(fc.nat(30)), { maxLength: 3 }) })),
      (givenLimits, givenBudgets, asked) => {
        const values = { tenant: "", type: "work", label: "red" };
        const limits = givenLimits.map((one, n) =>
          limit(n, { ...one, kind: one.kind as "type", value: values[one.kind as "type"] }),
        );
        const budgets = givenBudgets.map(({ agent: isAgents, ...one }, n) =>
          budget(n, isAgents ? { ...one, scope: "agent", subjectId: agentIdOf(0) } : one),
        );
        const subjects = asked.map(({ red }, n) => subject(n, red ? ["red"] : []));
        const caps = open({ limits, budgets, subjects });
        const placings = asked.map(({ costs }, n) =>
          caps.place(
            task(n),
            costs.map((cost, index) => agent(index, cost ?? undefined)),
          ),
        );
        const placed = placings.flatMap((one) => (one.kind === "agent" ? [one] : []));
        for (const one of limits) {
          const taken = placed.filter(({ limitIds }) => limitIds.includes(one.id)).length;
          expect(taken).toBeLessThanOrEqual(Math.max(0, one.maxInFlight - one.inFlight));
        }
        for (const one of budgets) {
          const reserved = placed
            .flatMap(({ reservations }) => reservations)
            .filter(({ budgetId }) => budgetId === one.id);
          const sum = reserved.reduce((total, { amount }) => total + amount, 0);
          if (reserved.length > 0) expect(one.spent).toBeLessThan(one.cap);
          expect(sum).toBeLessThanOrEqual(Math.max(0, one.cap - one.spent));
        }
      },
    ),
  );
});
