import {
  AppError,
  type AssignmentScope,
  type BudgetId,
  type Candidate,
  type QueuedTask,
  type TakenSlot,
} from "@devmesh/models";
import { describe, expect, test } from "vitest";
import {
  agentIdOf,
  assignmentIdOf,
  type FakeMethods,
  fakeStore,
  laneIdOf,
  now,
  taskIdOf,
  tenantId,
} from "../../test/fakes.ts";
import { createAssigner, type Left } from "./assigner.ts";

const lane = (number: number) => ({ tenantId, laneId: laneIdOf(number) });
const agent = (number: number) => ({ tenantId, agentId: agentIdOf(number) });
const scope = (lanes: number[], agents: number[] = []): AssignmentScope => ({
  lanes: lanes.map(lane),
  agents: agents.map(agent),
  limits: [],
});

function open(methods: FakeMethods) {
  const taken: TakenSlot[] = [];
  const errors: unknown[] = [];
  const left: Left[] = [];
  let made = 0;
  const assigner = createAssigner({
    store: fakeStore(methods),
    acceptMs: 10,
    leaseMs: 30,
    newId: () => assignmentIdOf(++made),
    now: () => 0,
    onTaken: (slots) => taken.push(...slots),
    onLeft: (one) => left.push(one),
    onError: (error) => errors.push(error),
  });
  return { assigner, taken, errors, left };
}

/** A lane with so many tasks and one agent with so many slots, of which every offer takes one; the nth take may lose. */
function mesh({ tasks, slots, loses = 0 }: { tasks: number; slots: number; loses?: number }) {
  const state = { tasks, slots, rounds: 0, losses: loses };
  const candidate = (): Candidate => ({
    ...lane(1),
    ...agent(1),
    agentName: "a",
    levelGap: 0,
    costMicroUsd: undefined,
    inFlight: 0,
    maxConcurrency: state.slots,
    lastAssignedAt: undefined,
  });
  const queued = (number: number): QueuedTask => ({
    ...lane(1),
    taskId: taskIdOf(number),
    strategy: "round_robin",
    rank: number,
    budgetIds: [],
  });
  const methods: FakeMethods = {
    findCandidates: async () => {
      state.rounds++;
      return state.slots > 0 ? [candidate()] : [];
    },
    lockHeads: async (_, __, limit) => Array.from({ length: Math.min(limit, state.tasks) }, (_, n) => queued(n + 1)),
    countPassedOver: async () => [],
    take: async (picks) => {
      if (state.losses > 0) {
        state.losses--;
        return [];
      }
      state.tasks -= picks.length;
      state.slots -= picks.length;
      return picks.map((pick, seq) => ({ ...pick, seq, checkAt: now, nodeId: undefined }));
    },
  };
  return { state, methods };
}

describe("an assigner", () => {
  test("makes one round of what is asked in one turn", async () => {
    const scopes: AssignmentScope[] = [];
    const { assigner } = open({
      findCandidates: async (asked) => {
        scopes.push(asked);
        return [];
      },
    });
    assigner.request(scope([1, 2]));
    assigner.request(scope([2], [5]));
    await assigner.idle();
    expect(scopes).toEqual([scope([1, 2], [5])]);
  });

  test("keeps what is asked during a round for the next", async () => {
    const scopes: AssignmentScope[] = [];
    const { assigner } = open({
      findCandidates: async (asked) => {
        scopes.push(asked);
        if (scopes.length === 1) for (const number of [2, 3, 2]) assigner.request(scope([number]));
        return [];
      },
    });
    assigner.request(scope([1]));
    await assigner.idle();
    expect(scopes).toEqual([scope([1]), scope([2, 3])]);
  });

  test("asks nothing of the store for an empty scope", async () => {
    const { assigner, errors } = open({});
    assigner.request(scope([]));
    await assigner.idle();
    expect(errors).toEqual([]);
  });

  test("fills the free slots and stops", async () => {
    const { state, methods } = mesh({ tasks: 9, slots: 4 });
    const { assigner, taken } = open(methods);
    assigner.request(scope([1]));
    await assigner.idle();
    expect(taken).toHaveLength(4);
    expect(state).toMatchObject({ tasks: 5, slots: 0 });
    expect(state.rounds).toBeLessThanOrEqual(2);
  });

  test("goes on where more than one round's worth of tasks wait", async () => {
    const { state, methods } = mesh({ tasks: 450, slots: 500 });
    const { assigner, taken } = open(methods);
    assigner.request(scope([1]));
    await assigner.idle();
    expect(taken).toHaveLength(450);
    expect(state.rounds).toBeLessThanOrEqual(5);
  });

  test("looks again, a moment later, at lanes with a task that somebody held", async () => {
    const { methods } = mesh({ tasks: 1, slots: 1 });
    let isHeld = true;
    const { assigner, taken } = open({
      ...methods,
      lockHeads: async (...asked) => {
        if (isHeld) return [];
        return (await methods.lockHeads?.(...asked)) ?? [];
      },
    });
    await using _ = assigner;
    assigner.request(scope([1]));
    await assigner.idle();
    expect(taken).toEqual([]);
    isHeld = false;
    await expect.poll(() => taken).toMatchObject([{ taskId: taskIdOf(1) }]);
  });

  test("looks again where it lost the race for a slot", async () => {
    const { methods } = mesh({ tasks: 1, slots: 2, loses: 1 });
    const { assigner, taken } = open(methods);
    assigner.request(scope([1]));
    await assigner.idle();
    expect(taken).toMatchObject([{ taskId: taskIdOf(1), agentId: agentIdOf(1) }]);
  });

  test("tells of a round that failed, does not do it again, and goes on with the next", async () => {
    let rounds = 0;
    const { assigner, errors } = open({
      findCandidates: () => {
        rounds++;
        return rounds === 1 ? Promise.reject(new Error("away")) : Promise.resolve([]);
      },
    });
    assigner.request(scope([1]));
    await assigner.idle();
    expect(errors).toMatchObject([{ message: "away" }]);
    expect(rounds).toBe(1);
    assigner.request(scope([1]));
    await assigner.idle();
    expect(rounds).toBe(2);
  });

  test("looks at 500 lanes in one round, and at no more than 10,000 in all", async () => {
    const sizes: number[] = [];
    const { assigner } = open({
      findCandidates: async ({ lanes }) => {
        sizes.push(lanes.length);
        return [];
      },
    });
    assigner.request(scope(Array.from({ length: 10_100 }, (_, number) => number)));
    await assigner.idle();
    expect(sizes).toEqual(Array(20).fill(500));
  });

  test("ends with the round that is under way when it is disposed", async () => {
    const gate = Promise.withResolvers<readonly Candidate[]>();
    let rounds = 0;
    const { assigner } = open({
      findCandidates: () => {
        rounds++;
        return gate.promise;
      },
    });
    assigner.request(scope([1]));
    await new Promise(setImmediate);
    assigner.request(scope([2]));
    const disposed = assigner[Symbol.asyncDispose]();
    gate.resolve([]);
    await disposed;
    assigner.request(scope([3]));
    await assigner.idle();
    expect(rounds).toBe(1);
  });
});

describe("a budget with room", () => {
  const budget = { tenantId, budgetId: "b" as BudgetId };

  test("brings parked tasks back before the look, and more while they are taken", async () => {
    const { state, methods } = mesh({ tasks: 3, slots: 3 });
    const unparks: unknown[] = [];
    const { assigner, taken } = open({
      ...methods,
      unparkTasks: async (budgets) => {
        unparks.push(budgets);
        return { lanes: [lane(1)], agents: [], more: [budget] };
      },
    });
    assigner.request({ lanes: [], agents: [], budgets: [budget, budget] });
    await assigner.idle();
    expect(taken).toHaveLength(3);
    // once more after what was taken; then nothing was, and it is left alone
    expect(unparks).toEqual([[budget], [budget]]);
    expect(state.tasks).toBe(0);
  });

  test("has its tenant's lanes and its agent looked at", async () => {
    const scopes: AssignmentScope[] = [];
    const { assigner } = open({
      findCandidates: async (asked) => {
        scopes.push(asked);
        return [];
      },
      unparkTasks: async () => ({ lanes: [lane(7)], agents: [agent(8)], more: [] }),
    });
    assigner.request({ ...scope([1], [2]), budgets: [budget] });
    await assigner.idle();
    expect(scopes).toEqual([scope([1, 7], [2, 8])]);
  });

  test("has what came back looked at again where the round lost a race after it", async () => {
    const back = [[lane(7)], []];
    const scopes: AssignmentScope[] = [];
    const { assigner, errors } = open({
      findCandidates: async (asked) => {
        scopes.push(asked);
        if (scopes.length > 1) return [];
        throw new AppError("conflict", "deadlock detected", { reason: "serialization" });
      },
      unparkTasks: async () => ({ lanes: back.shift() ?? [], agents: [], more: [] }),
    });
    assigner.request({ lanes: [], agents: [], budgets: [budget] });
    await assigner.idle();
    expect(scopes).toEqual([scope([7]), scope([7])]);
    expect(errors).toEqual([]);
  });
});

test.each([
  [3, 1, 0],
  [4, 0, 1],
])(
  "a round that Postgres ended %i times for another's sake leads to %i taken slots and %i errors",
  async (races, slots, told) => {
    const { methods } = mesh({ tasks: 1, slots: 1 });
    let lost = 0;
    const { assigner, taken, errors } = open({
      ...methods,
      findCandidates: async (...asked) => {
        if (lost++ < races) throw new AppError("conflict", "deadlock detected", { reason: "serialization" });
        return (await methods.findCandidates?.(...asked)) ?? [];
      },
    });
    assigner.request(scope([1]));
    await assigner.idle();
    expect([taken.length, errors.length]).toEqual([slots, told]);
  },
);
