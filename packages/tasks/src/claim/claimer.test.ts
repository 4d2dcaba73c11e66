import type { AgentId, Candidate, ClaimedTask, QueuedTask, SlotPick, TakenSlot } from "@devmesh/models";
import { AppError } from "@devmesh/models";
import { afterEach, expect, test } from "vitest";
import {
  agentIdOf,
  assignmentIdOf,
  type FakeMethods,
  fakeStore,
  laneIdOf,
  memoryOfSubmits,
  now,
  principalId,
  taskIdOf,
  tenantId,
} from "../../test/fakes.ts";
import type { Claimant } from "../store.ts";
import type { ClaimAsked } from "./check-claim.ts";
import { type Claimer, createClaimer } from "./claimer.ts";

const free: Claimant = { isPull: true, admin: "active", availability: "available", freeSlots: 9, maxConcurrency: 9 };
let claimer: Claimer;
afterEach(() => claimer[Symbol.asyncDispose]());

/** A lane with so many tasks, which every agent fits; nothing else is known of anybody. */
function open({ tasks, ...methods }: FakeMethods & { readonly tasks: number }) {
  const state = { tasks, looks: 0, picks: [] as SlotPick[], again: 0, taken: 0 };
  const candidate = (agentId: AgentId): Candidate => ({
    ...{ tenantId, agentId, agentName: "a", laneId: laneIdOf(1), levelGap: 0, costMicroUsd: undefined },
    ...{ inFlight: 0, maxConcurrency: 9, lastAssignedAt: undefined },
  });
  const queued = (number: number): QueuedTask => ({
    ...{
      tenantId,
      taskId: taskIdOf(number),
      laneId: laneIdOf(1),
      strategy: "least_loaded",
      rank: number,
      budgetIds: [],
    },
  });
  let made = 0;
  const store = fakeStore({
    findClaimant: async () => free,
    findClaimed: async (_, ids) => ids.map((assignmentId) => ({ assignmentId }) as ClaimedTask),
    async findCandidates({ agents }, _, by) {
      expect(by).toBe("claim");
      state.looks++;
      return state.tasks === 0 ? [] : agents.map(({ agentId }) => candidate(agentId));
    },
    lockHeads: async (_, __, limit) => Array.from({ length: Math.min(limit, state.tasks) }, (_, n) => queued(n + 1)),
    countPassedOver: async () => [],
    async take(picks, terms) {
      expect(terms.by).toBe("claim");
      state.picks.push(...picks);
      state.tasks -= picks.length;
      return picks.map((pick, seq): TakenSlot => ({ ...pick, seq, checkAt: now, nodeId: undefined }));
    },
    ...methods,
  });
  claimer = createClaimer({
    ...{ store, acceptMs: 10, leaseMs: 30_000, now: () => 0, random: () => 1 },
    newId: () => assignmentIdOf(++made),
    onTaken: (slots) => {
      state.taken += slots.length;
    },
    onAgain: () => {
      state.again++;
    },
    onError: (error) => expect.unreachable(String(error)),
  });
  return state;
}

const asked = (agent: number, more: Partial<ClaimAsked> = {}): ClaimAsked => ({
  ...{ tenantId, agentId: agentIdOf(agent), max: 1, principalId, signal: new AbortController().signal },
  ...more,
});

test("claims of one turn go together, each with its own lease and no more than it asked for", async () => {
  const state = open({ tasks: 9 });
  const [one, two] = await Promise.all([
    claimer.claim(asked(1, { max: 2, leaseMs: 5_000 })),
    claimer.claim(asked(2, { max: 3 })),
  ]);
  expect([one?.length, two?.length, state.looks, state.taken]).toEqual([2, 3, 1, 5]);
  const leases = state.picks.map(({ agentId, leaseMs }) => [agentId, leaseMs]);
  expect(leases.filter(([agentId]) => agentId === agentIdOf(1))).toEqual(Array(2).fill([agentIdOf(1), 5_000]));
  expect(leases.filter(([agentId]) => agentId === agentIdOf(2))).toEqual(Array(3).fill([agentIdOf(2), 300_000]));
});

test("of two claims of one agent each gets its own", async () => {
  const state = open({ tasks: 9 });
  const claims = await Promise.all([claimer.claim(asked(1, { max: 2 })), claimer.claim(asked(1, { max: 2 }))]);
  const ids = claims.flat().map(({ assignmentId }) => assignmentId);
  expect(ids).toHaveLength(4);
  expect(new Set(ids).size).toBe(4);
  expect(state.looks).toBe(2);
});

test("one that is called off before its task is taken gets none, and the others of its round theirs", async () => {
  const abort = new AbortController();
  const state = open({
    tasks: 5,
    countPassedOver: async () => {
      abort.abort();
      return [];
    },
  });
  const called = claimer.claim(asked(1, { signal: abort.signal, waitMs: 1_000 }));
  const other = claimer.claim(asked(2));
  await expect(called).rejects.toMatchObject({ code: "cancelled" });
  expect(await other).toHaveLength(1);
  expect(state.picks.map(({ agentId }) => agentId)).toEqual([agentIdOf(2)]);
  // somebody else is to have what it left
  expect(state.again).toBe(1);
});

test("a key is kept with what was taken; where another was quicker, what that one took is given", async () => {
  const memory = memoryOfSubmits();
  const findKeys = memory.methods.findKeys;
  // the second looks before the first has committed
  let blindLooks = 2;
  const state = open({
    tasks: 5,
    ...memory.methods,
    findKeys: async (claims) => (blindLooks-- > 0 ? [] : ((await findKeys?.(claims)) ?? [])),
  });
  const first = await claimer.claim(asked(1, { idempotencyKey: "k" }));
  expect(await claimer.claim(asked(1, { idempotencyKey: "k" }))).toEqual(first);
  await expect(claimer.claim(asked(2, { idempotencyKey: "k" }))).rejects.toMatchObject({
    code: "conflict",
    reason: "idempotency_key_reused",
  });
  expect(state.looks).toBeGreaterThan(1);
});

test("a round that Postgres ended for another's sake is done again; one that failed fails its claims", async () => {
  let failures = 1;
  const error = new AppError("conflict", "deadlock", { reason: "serialization" });
  open({
    tasks: 5,
    countPassedOver: async () => {
      if (failures-- > 0) throw error;
      return [];
    },
  });
  expect(await claimer.claim(asked(1))).toHaveLength(1);
  failures = 99;
  await expect(claimer.claim(asked(1))).rejects.toBe(error);
});

test("who waits is woken by what may be for it, and only then looks again", async () => {
  const state = open({ tasks: 0 });
  const waiting = claimer.claim(asked(1, { waitMs: 20_000 }));
  await expect.poll(() => state.looks).toBe(1);
  expect(claimer.size).toBe(1);
  const lanes = [{ tenantId, laneId: laneIdOf(1) }];
  // the look for whom to wake finds nobody
  claimer.wake({ lanes, agents: [], limits: [] });
  await expect.poll(() => state.looks).toBe(2);
  claimer.wake({ lanes: [], agents: [{ tenantId, agentId: agentIdOf(2) }], limits: [] });
  state.tasks = 1;
  claimer.wake({ lanes: [], agents: [{ tenantId, agentId: agentIdOf(1) }], limits: [] });
  expect(await waiting).toHaveLength(1);
  expect(claimer.size).toBe(0);
  // nobody waits: nothing is looked at
  claimer.wake({ lanes, agents: [], limits: [] });
  await new Promise(setImmediate);
  expect(state.looks).toBe(3);
});

test("what was locked by another is looked at again soon, also by one that does not wait", async () => {
  let locked = 2;
  const state = open({ tasks: 1, lockHeads: async () => (locked-- > 0 ? [] : [queuedHead]) });
  expect(await claimer.claim(asked(1))).toHaveLength(1);
  expect(state.looks).toBe(3);
});

test("what stays locked is left to a later claim", async () => {
  const state = open({ tasks: 1, lockHeads: async () => [] });
  expect(await claimer.claim(asked(1))).toEqual([]);
  expect(state.looks).toBe(5);
});

const queuedHead: QueuedTask = {
  ...{ tenantId, taskId: taskIdOf(1), laneId: laneIdOf(1), strategy: "least_loaded", rank: 1, budgetIds: [] },
};

test("a claim that does not wait is served however many do", async () => {
  const gate = Promise.withResolvers<void>();
  open({
    tasks: 1,
    async findClaimant({ agentId }) {
      if (agentId !== agentIdOf(1_001)) await gate.promise;
      return free;
    },
  });
  const waiting = Array.from({ length: 1_000 }, (_, n) => claimer.claim(asked(n + 1, { waitMs: 20_000 })));
  await expect(claimer.claim(asked(1_001, { waitMs: 1 }))).rejects.toMatchObject({ reason: "waiting_claims" });
  expect(await claimer.claim(asked(1_001))).toHaveLength(1);
  claimer.stopWaiting();
  gate.resolve();
  expect((await Promise.all(waiting)).flat()).toEqual([]);
});
