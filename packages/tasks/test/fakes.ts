import type {
  AgentId,
  ApiKeyId,
  AssignmentId,
  IdempotencyRecord,
  LaneId,
  LedgerAssignment,
  LedgerEntry,
  NewTask,
  Requirements,
  TaskId,
  TaskState,
  TenantId,
} from "@devmesh/models";
import { canonicalJson } from "@devmesh/models";
import type { LedgerStore, LedgerTx } from "../src/store.ts";

/** Ids that tests name; a number makes one that sorts like it. */
export const tenantId = "00000000-0000-7000-8000-00000000000a" as TenantId;
export const principalId = "00000000-0000-7000-8000-00000000000b" as ApiKeyId;
export const taskIdOf = (number: number): TaskId => uuid("1", number) as TaskId;
export const agentIdOf = (number: number): AgentId => uuid("2", number) as AgentId;
export const assignmentIdOf = (number: number): AssignmentId => uuid("3", number) as AssignmentId;
export const laneIdOf = (number: number): LaneId => uuid("4", number) as LaneId;

export const now = new Date("2026-11-21T12:00:00.000Z");
export const later = (ms: number): Date => new Date(now.getTime() + ms);

function uuid(kind: string, number: number): string {
  return `${kind.repeat(8)}-0000-7000-8000-${String(number).padStart(12, "0")}`;
}

/** A queued task that was never tried. */
export function entryOf(more: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    tenantId,
    taskId: taskIdOf(1),
    parentId: undefined,
    state: "queued",
    attempt: 0,
    counted: 0,
    uncounted: 0,
    maxAttempts: 3,
    timeoutMs: 600_000,
    fence: 0,
    redrives: 0,
    eventSeq: 1,
    laneId: laneIdOf(1),
    rejectedBy: [],
    passedOver: [],
    deadline: undefined,
    notBefore: undefined,
    wakeAt: undefined,
    startedAt: undefined,
    finishedAt: undefined,
    error: undefined,
    progress: undefined,
    hasOutputSchema: false,
    answerCount: 0,
    holdsCurrentAssignment: false,
    assignment: undefined,
    ...more,
  };
}

/** An assignment as it is offered at {@link now}. */
export function assignmentOf(more: Partial<LedgerAssignment> = {}): LedgerAssignment {
  return {
    id: assignmentIdOf(1),
    agentId: agentIdOf(1),
    fence: 1,
    state: "offered",
    leaseMs: 30_000,
    acceptUntil: later(10_000),
    leaseUntil: undefined,
    attemptUntil: undefined,
    checkAt: later(10_000),
    schemaFailures: 0,
    slot: "held",
    question: undefined,
    askedAt: undefined,
    attemptLeftMs: undefined,
    isCapped: false,
    endReason: undefined,
    usage: undefined,
    ...more,
  };
}

/** A task that agent 1 was offered, or works on. */
export function heldEntry(
  state: Extract<TaskState, "assigned" | "running" | "waiting">,
  more: Partial<LedgerEntry> = {},
  assignment: Partial<LedgerAssignment> = {},
): LedgerEntry {
  const accepted = { leaseUntil: later(30_000), attemptUntil: later(600_000) };
  return entryOf({
    state,
    fence: 1,
    attempt: 1,
    holdsCurrentAssignment: true,
    assignment: assignmentOf({
      ...(state === "assigned" ? { state: "offered" } : { state, ...accepted }),
      ...assignment,
    }),
    ...more,
  });
}

/** A transaction of which a test writes the methods that it expects to be called. Any other call fails the test. */
export function fakeTx(methods: Partial<LedgerTx>): LedgerTx {
  const unexpected = (name: string) => () => {
    throw new Error(`${name} was not expected`);
  };
  return {
    now,
    begun: Promise.resolve(),
    finish: () => undefined,
    ensureLanes: unexpected("ensureLanes"),
    claimKeys: unexpected("claimKeys"),
    findKeys: unexpected("findKeys"),
    lockDependencies: unexpected("lockDependencies"),
    findContexts: unexpected("findContexts"),
    insertTasks: unexpected("insertTasks"),
    lockByAssignment: unexpected("lockByAssignment"),
    lockByTask: unexpected("lockByTask"),
    requirementsOf: unexpected("requirementsOf"),
    write: unexpected("write"),
    findDependents: unexpected("findDependents"),
    findFailedDependents: unexpected("findFailedDependents"),
    findOpenDependencies: unexpected("findOpenDependencies"),
    findDescendants: unexpected("findDescendants"),
    lockTogether: unexpected("lockTogether"),
    findHeritage: unexpected("findHeritage"),
    findResumable: unexpected("findResumable"),
    findOpenParents: unexpected("findOpenParents"),
    lockFreeSlots: unexpected("lockFreeSlots"),
    findChildren: unexpected("findChildren"),
    findHeld: unexpected("findHeld"),
    lockHeads: unexpected("lockHeads"),
    countPassedOver: unexpected("countPassedOver"),
    readCaps: async () => ({ limits: [], budgets: [] }),
    findSubjects: unexpected("findSubjects"),
    laneRequirements: unexpected("laneRequirements"),
    moveTasks: unexpected("moveTasks"),
    lockLimits: unexpected("lockLimits"),
    lockBudgets: unexpected("lockBudgets"),
    countHolds: unexpected("countHolds"),
    parkTasks: unexpected("parkTasks"),
    changeCaps: unexpected("changeCaps"),
    lockLimitsOf: unexpected("lockLimitsOf"),
    addUsage: unexpected("addUsage"),
    unparkTasks: unexpected("unparkTasks"),
    take: unexpected("take"),
    ...methods,
  };
}

/** What a test writes of a store and of its transactions. */
export type FakeMethods = Partial<LedgerTx & Pick<LedgerStore, "findCandidates" | "findClaimant" | "findClaimed">>;

/** A store that has nothing but transactions, all on one fake, and what candidates it is given. */
export function fakeStore({
  findCandidates = () => Promise.reject(new Error("findCandidates was not expected")),
  findClaimant = () => Promise.reject(new Error("findClaimant was not expected")),
  findClaimed = () => Promise.reject(new Error("findClaimed was not expected")),
  ...methods
}: FakeMethods): LedgerStore {
  const tx = fakeTx(methods);
  return {
    findCandidates,
    findClaimant,
    findClaimed,
    transaction: async (_, work) => work(tx),
    findLimits: async () => [],
    findDue: () => Promise.reject(new Error("findDue was not expected")),
    findOutputSchemas: () => Promise.reject(new Error("findOutputSchemas was not expected")),
  };
}

/** What submitting needs of a transaction, kept in memory: keys and tasks outlive the call. `states` are of `owner`'s tasks. */
export function memoryOfSubmits(
  states: ReadonlyMap<TaskId, TaskState> = new Map(),
  owner: TenantId = tenantId,
): {
  readonly methods: Partial<LedgerTx>;
  readonly inserted: NewTask[];
} {
  const records = new Map<string, IdempotencyRecord>();
  const inserted: NewTask[] = [];
  const keyOf = (one: Omit<IdempotencyRecord, "response" | "bodyHash">): string =>
    [one.tenantId, one.principalId, one.operation, one.key].join(" ");
  return {
    inserted,
    methods: {
      async claimKeys(claims) {
        const fresh = new Set<number>();
        for (const [index, claim] of claims.entries()) {
          if (records.has(keyOf(claim))) continue;
          records.set(keyOf(claim), { ...claim, response: JSON.parse(claim.response) });
          fresh.add(index);
        }
        return fresh;
      },
      findKeys: async (claims) => claims.flatMap((claim) => records.get(keyOf(claim)) ?? []),
      lockDependencies: async (refs) =>
        refs.flatMap((ref) => {
          const state = states.get(ref.taskId);
          return state === undefined || ref.tenantId !== owner ? [] : [{ ...ref, state }];
        }),
      insertTasks: async (tasks) => {
        inserted.push(...tasks);
      },
    },
  };
}

/** Makes a lane for each new set of requirements, and says how often it was asked. */
export function memoryOfLanes(): { readonly ensureLanes: LedgerTx["ensureLanes"]; calls: number } {
  const lanes: string[] = [];
  const memory = {
    calls: 0,
    ensureLanes: async (asked: readonly { tenantId: TenantId; requirements: Requirements }[]) => {
      memory.calls++;
      return asked.map(({ requirements }) => {
        const text = canonicalJson(requirements);
        if (!lanes.includes(text)) lanes.push(text);
        return laneIdOf(lanes.indexOf(text) + 1);
      });
    },
  };
  return memory;
}
