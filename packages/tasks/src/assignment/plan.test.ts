import {
  type AssignmentStrategy,
  assignmentStrategies,
  type BudgetId,
  type Candidate,
  type QueuedTask,
} from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentIdOf, assignmentIdOf, laneIdOf, now, taskIdOf, tenantId } from "../../test/fakes.ts";
import { createCapCount } from "./cap-count.ts";
import { type PlanInput, planAssignments } from "./plan.ts";

const task = (number: number, lane = 1, strategy: AssignmentStrategy = "capability_match"): QueuedTask => ({
  tenantId,
  taskId: taskIdOf(number),
  laneId: laneIdOf(lane),
  strategy,
  rank: number,
  budgetIds: [],
});

const candidate = (number: number, more: Partial<Candidate> & { readonly lane?: number } = {}): Candidate => {
  const { lane = 1, ...rest } = more;
  return {
    tenantId,
    laneId: laneIdOf(lane),
    agentId: agentIdOf(number),
    agentName: `agent-${number}`,
    levelGap: 0,
    costMicroUsd: undefined,
    inFlight: 0,
    maxConcurrency: 1,
    lastAssignedAt: undefined,
    ...rest,
  };
};

function plan(tasks: readonly QueuedTask[], candidates: readonly Candidate[], more: Partial<PlanInput> = {}) {
  let made = 0;
  return planAssignments({ tasks, candidates, passedOver: [], now, newId: () => assignmentIdOf(++made), ...more });
}

const pairs = ({ picks }: ReturnType<typeof plan>) => picks.map(({ taskId, agentId }) => [taskId, agentId]);

describe("a plan", () => {
  test("gives the first task its best agent, and the next what is left", () => {
    const made = plan([task(1), task(2), task(3)], [candidate(1, { levelGap: 5 }), candidate(2)]);
    expect(pairs(made)).toEqual([
      [taskIdOf(1), agentIdOf(2)],
      [taskIdOf(2), agentIdOf(1)],
    ]);
    expect(made.unplaced.map(({ taskId }) => taskId)).toEqual([taskIdOf(3)]);
    expect(made.picks.map(({ assignmentId }) => assignmentId)).toEqual([assignmentIdOf(1), assignmentIdOf(2)]);
  });

  test("counts what it gave: least_loaded and round_robin spread", () => {
    for (const strategy of ["least_loaded", "round_robin"] as const) {
      const tasks = [1, 2, 3, 4].map((number) => task(number, 1, strategy));
      const made = plan(
        tasks,
        [1, 2].map((number) => candidate(number, { maxConcurrency: 4 })),
      );
      expect(
        made.picks.map(({ agentId }) => agentId),
        strategy,
      ).toEqual([1, 2, 1, 2].map(agentIdOf));
    }
  });

  test("counts a slot in every lane that the agent fits", () => {
    const both = [candidate(1, { lane: 1 }), candidate(1, { lane: 2 })];
    const made = plan([task(1, 1), task(2, 2)], both);
    expect(pairs(made)).toEqual([[taskIdOf(1), agentIdOf(1)]]);
    expect(made.unplaced.map(({ laneId }) => laneId)).toEqual([laneIdOf(2)]);
  });

  test("says why: the chosen one first, without a reason, the others by score, those that did not fit by count", () => {
    const passedOver = [
      { tenantId, laneId: laneIdOf(1), reason: "capability", count: 7 },
      { tenantId, laneId: laneIdOf(1), reason: "busy", count: 2 },
      { tenantId, laneId: laneIdOf(2), reason: "level", count: 1 },
    ];
    const made = plan([task(1)], [candidate(1, { levelGap: 1 }), candidate(2)], { passedOver });
    expect(made.picks[0]?.why).toEqual({
      strategy: "capability_match",
      candidates: [
        { agent: { id: agentIdOf(2), name: "agent-2" }, score: 1 },
        { agent: { id: agentIdOf(1), name: "agent-1" }, score: 1 / 2, reason: "score" },
      ],
      passedOver: { capability: 7, busy: 2 },
    });
  });

  test("shows ten candidates at most, and counts the others", () => {
    const candidates = Array.from({ length: 25 }, (_, number) => candidate(number, { levelGap: number }));
    const why = plan([task(1)], candidates).picks[0]?.why;
    expect(why?.candidates.map(({ agent }) => agent.id)).toEqual(Array.from({ length: 10 }, (_, n) => agentIdOf(n)));
    expect(why?.passedOver).toEqual({ score: 15 });
  });

  test("never fills an agent beyond its slots, takes each task once, and leaves none that an agent is free for", () => {
    const some = fc.record({
      tasks: fc.uniqueArray(
        fc.record({ number: fc.nat(30), lane: fc.nat(2), strategy: fc.constantFrom(...assignmentStrategies) }),
        { selector: ({ number }) => number, maxLength: 12 },
      ),
      agents: fc.uniqueArray(
        fc.record({
          number: fc.nat(5),
          free: fc.nat(3),
          inFlight: fc.nat(2),
          lanes: fc.subarray([0, 1, 2]),
          gap: fc.nat(2),
        }),
        { selector: ({ number }) => number, maxLength: 5 },
      ),
    });
    fc.assert(
      fc.property(some, ({ tasks, agents }) => {
        const candidates = agents.flatMap(({ number, free, inFlight, lanes, gap }) =>
          lanes.map((lane) => candidate(number, { lane, inFlight, maxConcurrency: inFlight + free, levelGap: gap })),
        );
        const { picks, unplaced } = plan(
          tasks.map(({ number, lane, strategy }) => task(number, lane, strategy)),
          candidates,
        );
        const taken = (number: number) => picks.filter(({ agentId }) => agentId === agentIdOf(number)).length;
        for (const { number, free } of agents) expect(taken(number)).toBeLessThanOrEqual(free);
        const placed = [...picks, ...unplaced].map(({ taskId }) => taskId);
        expect(placed.sort()).toEqual(tasks.map(({ number }) => taskIdOf(number)).sort());
        for (const { laneId } of unplaced) {
          const fitting = agents.filter(({ lanes }) => lanes.some((lane) => laneIdOf(lane) === laneId));
          expect(fitting.every(({ number, free }) => taken(number) === free)).toBe(true);
        }
        for (const { agentId, why } of picks) {
          expect(why.candidates[0]?.agent.id).toBe(agentId);
          expect(why.candidates.map(({ reason }) => reason)).toEqual([
            undefined,
            ...Array(why.candidates.length - 1).fill("score"),
          ]);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("a plan under a budget", () => {
  const caps = (cap: number) =>
    createCapCount({
      rules: [],
      subjects: [],
      limits: [],
      budgets: [
        {
          id: "b" as BudgetId,
          tenantId,
          scope: "tenant",
          subjectId: undefined,
          unit: "micro_usd",
          cap,
          spent: 0,
          reserved: 0,
        },
      ],
    });
  const dear = candidate(1, { costMicroUsd: 50, maxConcurrency: 9 });
  const cheap = candidate(2, { costMicroUsd: 10, levelGap: 5, maxConcurrency: 9 });

  test("takes the next best agent that fits, says how many were too dear, and parks what fits no more", () => {
    const made = plan(
      [1, 2, 3, 4].map((number) => task(number)),
      [dear, cheap],
      { caps: caps(70) },
    );
    expect(pairs(made)).toEqual([
      [taskIdOf(1), agentIdOf(1)],
      [taskIdOf(2), agentIdOf(2)],
      [taskIdOf(3), agentIdOf(2)],
    ]);
    expect(made.picks.map(({ why }) => [why.candidates.length, why.passedOver])).toEqual([
      [2, {}],
      [1, { budget: 1 }],
      [1, { budget: 1 }],
    ]);
    expect(made.holds.map(({ assignmentId, reservations }) => [assignmentId, reservations[0]?.amount])).toEqual([
      [assignmentIdOf(1), 50],
      [assignmentIdOf(2), 10],
      [assignmentIdOf(3), 10],
    ]);
    expect(made.parked).toEqual([
      { tenantId, taskId: taskIdOf(4), laneId: laneIdOf(1), budgetId: "b", retryAfterMs: undefined },
    ]);
    expect(made.unplaced).toEqual([]);
  });
});
