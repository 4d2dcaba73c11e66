import type { AssignmentScope, Candidate, LaneId, QueuedTask, TakenSlot } from "@devmesh/models";
import type { LedgerStore } from "../store.ts";
import { type Plan, planAssignments } from "./plan.ts";

/** Tasks in one transaction: what is over goes with the next. Judgement: some 10 ms of locks. */
const maxTasks = 200;
/** Candidates that are weighed at once, over all lanes. */
const maxCandidates = 2_000;

/** What one round of assignment works with. */
export interface AssignOptions {
  readonly acceptMs: number;
  readonly leaseMs: number;
  readonly newId: () => string;
}

export interface Assigned {
  readonly taken: readonly TakenSlot[];
  /** Where another look may find more: slots were left and tasks too, or a race for a slot was lost. */
  readonly again: AssignmentScope;
}

const nothing: Assigned = { taken: [], again: { lanes: [], agents: [] } };

/**
 * Brings queued tasks and free slots together, in one transaction: the best tasks of the lanes of the scope, and of the
 * lanes that the agents of the scope fit, to the agents that their strategies choose. Lanes without a free agent are
 * left alone, unlocked.
 */
export async function assign(store: LedgerStore, scope: AssignmentScope, options: AssignOptions): Promise<Assigned> {
  const candidates = await store.findCandidates(scope, maxCandidates);
  if (candidates.length === 0) return nothing;
  const tenants = [...new Set(candidates.map(({ tenantId }) => tenantId))];
  return store.transaction(tenants, async (tx) => {
    const lanes = lanesOf(candidates);
    const limit = Math.min(countFree(candidates), maxTasks);
    const [tasks, passedOver] = await Promise.all([tx.lockHeads(lanes, limit, limit), tx.countPassedOver(lanes)]);
    if (tasks.length === 0) return nothing;
    const plan = planAssignments({ tasks, candidates, passedOver, now: tx.now, newId: options.newId });
    const taken = plan.picks.length === 0 ? [] : await tx.take(plan.picks, options);
    return { taken, again: lookAgain(tasks, { plan, taken, isFull: tasks.length === limit }) };
  });
}

/**
 * A lane is looked at again after the commit where a task found no agent (a slot may have come free while it was locked,
 * and its own look skipped the locked task), where a slot was lost to another process, and where there may be more.
 */
function lookAgain(
  tasks: readonly QueuedTask[],
  { plan, taken, isFull }: { readonly plan: Plan; readonly taken: readonly TakenSlot[]; readonly isFull: boolean },
): AssignmentScope {
  const takenIds = new Set(taken.map(({ taskId }) => taskId));
  const left = isFull ? tasks : tasks.filter(({ taskId }) => !takenIds.has(taskId));
  return { lanes: plan.picks.length === 0 && !isFull ? lanesOf(plan.unplaced) : lanesOf(left), agents: [] };
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
