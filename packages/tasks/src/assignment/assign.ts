import type { AssignmentScope, Candidate, LaneId, QueuedTask, TakenSlot, TakeTerms } from "@devmesh/models";
import type { LedgerStore, LedgerTx } from "../store.ts";
import { type OpenCaps, openCaps } from "./open-caps.ts";
import { type Plan, planAssignments } from "./plan.ts";

/** Tasks in one transaction: what is over goes with the next. Judgement: some 10 ms of locks. */
const maxTasks = 200;
/** Candidates that are weighed at once, over all lanes. */
const maxCandidates = 2_000;

/** What one round of assignment works with. */
export interface AssignOptions extends TakeTerms {
  readonly newId: () => string;
  /** Milliseconds of a clock, to tell how old an offer is. */
  readonly now: () => number;
}

export interface Assigned {
  readonly taken: readonly TakenSlot[];
  /** Where another look may find more: slots were left and tasks too, or a race for a slot was lost. */
  readonly again: AssignmentScope;
  /** Lanes with a task that somebody held: they may have a free agent still when it is let go. */
  readonly held: AssignmentScope["lanes"];
}

const nothing: Assigned = { taken: [], again: { lanes: [], agents: [] }, held: [] };

/**
 * Brings queued tasks and free slots together, in one transaction: the best tasks of the lanes of the scope, and of the
 * lanes that the agents of the scope fit, to the agents that their strategies choose. Lanes without a free agent are
 * left alone, unlocked.
 */
export async function assign(store: LedgerStore, scope: AssignmentScope, options: AssignOptions): Promise<Assigned> {
  const candidates = await store.findCandidates(scope, maxCandidates);
  if (candidates.length === 0) return nothing;
  const tenants = [...new Set(candidates.map(({ tenantId }) => tenantId))];
  const begunAtMs = options.now();
  const assigned = await store.transaction(tenants, async (tx): Promise<Assigned> => {
    const lanes = lanesOf(candidates);
    const limit = Math.min(countFree(candidates), maxTasks);
    const [tasks, passedOver, standing] = await Promise.all([
      tx.lockHeads(lanes, limit, limit),
      tx.countPassedOver(lanes),
      tx.readCaps(tenants),
    ]);
    const held = tasks.length === limit ? [] : withoutTask(lanes, tasks);
    if (tasks.length === 0) return { ...nothing, held };
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
    const taking = plan.picks.length === 0 ? [] : tx.take(plan.picks, options);
    if (caps === undefined) tx.finish();
    const taken = await taking;
    if (caps !== undefined) await writeCaps(tx, plan, taken);
    return { taken, again: lookAgain(tasks, { plan, taken, isFull: tasks.length === maxTasks, caps }), held };
  });
  const ageMs = Math.max(0, Math.ceil(options.now() - begunAtMs));
  return { ...assigned, taken: assigned.taken.map((slot) => withAge(slot, ageMs)) };
}

/** The accept window runs from the beginning of the transaction. */
function withAge({ offer, ...slot }: TakenSlot, ageMs: number): TakenSlot {
  return offer === undefined ? slot : { ...slot, offer: { ...offer, ageMs } };
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

function lanesOf(rows: readonly Pick<Candidate, "tenantId" | "laneId">[]): AssignmentScope["lanes"] {
  const lanesById = new Map<LaneId, AssignmentScope["lanes"][number]>();
  for (const { tenantId, laneId } of rows) lanesById.set(laneId, { tenantId, laneId });
  return [...lanesById.values()];
}

function countFree(candidates: readonly Candidate[]): number {
  const freeByAgent = new Map(candidates.map((one) => [one.agentId, one.maxConcurrency - one.inFlight]));
  return [...freeByAgent.values()].reduce((sum, free) => sum + free, 0);
}
