import type {
  AgentId,
  AssignmentScope,
  Candidate,
  LaneId,
  QueuedTask,
  SlotPick,
  TakenSlot,
  TakeTerms,
} from "@devmesh/models";
import type { LedgerStore, LedgerTx } from "../store.ts";
import { type OpenCaps, openCaps } from "./open-caps.ts";
import { type Plan, planAssignments, roomOf } from "./plan.ts";

/** Tasks in one transaction: what is over goes with the next. Judgement: some 10 ms of locks. */
const maxTasks = 200;
/** Candidates that are weighed at once, over all lanes. */
const maxCandidates = 2_000;

/** What one round of assignment works with. */
export interface AssignOptions extends TakeTerms {
  readonly newId: () => string;
  /** Milliseconds of a clock, to tell how old an offer is. */
  readonly now: () => number;
  /** The claims that a round is for; undefined where tasks are pushed. */
  readonly claims?: ClaimsOfRound | undefined;
}

/** What agents of a round claim. */
export interface ClaimsOfRound {
  /** By agent: how many tasks, for how long a lease, and whether somebody still waits for them. */
  readonly byAgent: ReadonlyMap<AgentId, ClaimTerms>;
  /** The last thing in the transaction: what throws takes everything back. */
  readonly settle: (tx: LedgerTx, taken: readonly TakenSlot[]) => Promise<void>;
}

/** What one agent claims. */
export interface ClaimTerms {
  readonly max: number;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}

export interface Assigned {
  readonly taken: readonly TakenSlot[];
  /** Where another look may find more: slots were left and tasks too, or a race for a slot was lost. */
  readonly again: AssignmentScope;
  /** Lanes with a task that somebody held: they may have a free agent still when it is let go. */
  readonly held: AssignmentScope["lanes"];
  /** Lanes of the scope in which a task may be left. */
  readonly left: AssignmentScope["lanes"];
}

const nothing: Assigned = { taken: [], again: { lanes: [], agents: [] }, held: [], left: [] };

/**
 * Brings queued tasks and free slots together, in one transaction: the best tasks of the lanes of the scope, and of the
 * lanes that the agents of the scope fit, to the agents that their strategies choose. Lanes without a free agent are
 * left alone, unlocked.
 */
export async function assign(store: LedgerStore, scope: AssignmentScope, options: AssignOptions): Promise<Assigned> {
  const { claims } = options;
  const found = await store.findCandidates(scope, maxCandidates, claims === undefined ? "push" : "claim");
  const candidates = claims === undefined ? found : found.flatMap((one) => toClaiming(one, claims));
  if (candidates.length === 0) return { ...nothing, left: scope.lanes };
  const tenants = [...new Set(candidates.map(({ tenantId }) => tenantId))];
  const begunAtMs = options.now();
  let assignedAtMs = 0;
  const assigned = await store.transaction(tenants, async (tx): Promise<Assigned> => {
    const lanes = lanesOf(candidates);
    const limit = Math.min(countFree(candidates), maxTasks);
    const [tasks, passedOver, standing] = await Promise.all([
      tx.lockHeads(lanes, limit, limit),
      tx.countPassedOver(lanes, [...(claims?.byAgent.keys() ?? [])]),
      tx.readCaps(tenants),
    ]);
    const held = tasks.length === limit ? [] : withoutTask(lanes, tasks);
    if (tasks.length === 0) return { ...nothing, held, left: leftOf(scope, candidates, []) };
    const caps = await openCaps(tx, { tasks, candidates, standing });
    const placeable = withoutMoved(tasks, caps);
    const plan = planAssignments({
      tasks: placeable,
      candidates,
      passedOver,
      now: tx.now,
      newId: options.newId,
      caps: caps?.count,
    });
    const taken = await takePlanned(tx, plan, { options, isCapped: caps !== undefined });
    assignedAtMs = tx.now.getTime();
    const again = lookAgain(tasks, { plan, taken, isFull: tasks.length === maxTasks, caps });
    return { taken, again, held, left: leftOf(scope, candidates, plan.unplaced) };
  });
  const ageMs = Math.max(0, Math.ceil(options.now() - begunAtMs));
  return { ...assigned, taken: assigned.taken.map((slot) => withAge(slot, { ageMs, assignedAtMs })) };
}

function toClaiming(candidate: Candidate, { byAgent }: ClaimsOfRound): readonly Candidate[] {
  const terms = byAgent.get(candidate.agentId);
  return terms === undefined ? [] : [{ ...candidate, claims: terms.max }];
}

/** What nobody waits for any more stays in its lane: this is the last look before it is taken. */
function toWanted(picks: readonly SlotPick[], { byAgent }: ClaimsOfRound): readonly SlotPick[] {
  return picks.flatMap((pick) => {
    const terms = byAgent.get(pick.agentId);
    return terms === undefined || terms.signal.aborted ? [] : [{ ...pick, leaseMs: terms.leaseMs }];
  });
}

/** Lanes for which there was nobody, and those of tasks for which nobody was left. */
function leftOf(
  scope: AssignmentScope,
  candidates: readonly Candidate[],
  unplaced: readonly QueuedTask[],
): AssignmentScope["lanes"] {
  const served = new Set(candidates.map(({ laneId }) => laneId));
  return lanesOf([...scope.lanes.filter(({ laneId }) => !served.has(laneId)), ...unplaced]);
}

/** The accept window runs from the beginning of the transaction. */
function withAge(
  { offer, ...slot }: TakenSlot,
  age: { readonly ageMs: number; readonly assignedAtMs: number },
): TakenSlot {
  return offer === undefined ? slot : { ...slot, offer: { ...offer, ...age } };
}

function withoutTask(lanes: AssignmentScope["lanes"], tasks: readonly QueuedTask[]): AssignmentScope["lanes"] {
  const found = new Set(tasks.map(({ laneId }) => laneId));
  return lanes.filter(({ laneId }) => !found.has(laneId));
}

function withoutMoved(tasks: readonly QueuedTask[], caps: OpenCaps | undefined): readonly QueuedTask[] {
  if (caps === undefined || caps.moves.length === 0) return tasks;
  const moved = new Set(caps.moves.map(({ taskId }) => taskId));
  return tasks.filter(({ taskId }) => !moved.has(taskId));
}

/** Takes what was planned, and writes what caps it. Where nothing does, a push commits with that. */
async function takePlanned(
  tx: LedgerTx,
  plan: Plan,
  { options, isCapped }: { readonly options: AssignOptions; readonly isCapped: boolean },
): Promise<readonly TakenSlot[]> {
  const { claims } = options;
  const picks = claims === undefined ? plan.picks : toWanted(plan.picks, claims);
  const terms = claims === undefined ? options : ({ ...options, by: "claim" } as const);
  const taking = picks.length === 0 ? [] : tx.take(picks, terms);
  if (!isCapped && claims === undefined) tx.finish();
  const taken = await taking;
  if (isCapped) await writeCaps(tx, plan, taken);
  await claims?.settle(tx, taken);
  return taken;
}

/** Counts what was really taken, and takes what no budget has room for out of its lane. */
async function writeCaps(tx: LedgerTx, plan: Plan, taken: readonly TakenSlot[]): Promise<void> {
  const takenIds = new Set(taken.map(({ assignmentId }) => assignmentId));
  const holds = plan.holds.filter(({ assignmentId }) => takenIds.has(assignmentId));
  await Promise.all([
    holds.length === 0 ? undefined : tx.countHolds(holds),
    plan.parked.length === 0 ? undefined : tx.parkTasks(plan.parked),
  ]);
}

/**
 * A lane is looked at again after the commit where a task found no agent (a slot may have come free while it was locked,
 * and its own look skipped the locked task), where a slot was lost to another process, and where there may be more:
 * behind a task that was parked or moved too. A full limit and a spent budget keep their lanes out of the next look.
 */
function lookAgain(tasks: readonly QueuedTask[], { plan, taken, isFull, caps }: Round): AssignmentScope {
  const takenIds = new Set(taken.map(({ taskId }) => taskId));
  const left = isFull ? tasks : tasks.filter(({ taskId }) => !takenIds.has(taskId));
  const { moves = [] } = caps ?? {};
  const movedFrom = moves.length === 0 ? [] : tasks;
  const isIdle = plan.picks.length === 0 && !isFull;
  const lanes = [...(isIdle ? plan.unplaced : left), ...plan.parked, ...moves, ...movedFrom];
  return { lanes: lanesOf(lanes), agents: [] };
}

interface Round {
  readonly plan: Plan;
  readonly taken: readonly TakenSlot[];
  readonly isFull: boolean;
  readonly caps: OpenCaps | undefined;
}

function lanesOf(rows: AssignmentScope["lanes"]): AssignmentScope["lanes"] {
  const lanesById = new Map<LaneId, AssignmentScope["lanes"][number]>();
  for (const { tenantId, laneId } of rows) lanesById.set(laneId, { tenantId, laneId });
  return [...lanesById.values()];
}

function countFree(candidates: readonly Candidate[]): number {
  const freeByAgent = new Map(candidates.map((one) => [one.agentId, roomOf(one)]));
  return [...freeByAgent.values()].reduce((sum, free) => sum + free, 0);
}
