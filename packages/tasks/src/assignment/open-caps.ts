import { assert, type Candidate, type LaneMove, type QueuedTask } from "@devmesh/models";
import type { LedgerTx, StandingCaps } from "../store.ts";
import { type CapCount, createCapCount, findMisplaced } from "./cap-count.ts";

/** The caps of a round, locked, and the tasks that had to change lanes first. */
export interface OpenCaps {
  readonly count: CapCount;
  readonly moves: readonly LaneMove[];
}

/** What a round is about, its tasks locked. */
export interface CappedRound {
  readonly tasks: readonly QueuedTask[];
  readonly candidates: readonly Candidate[];
  readonly standing: StandingCaps;
}

/**
 * Locks what caps the tasks of a round, limits before budgets, each in the order of ids; nothing where nothing does, which
 * is the rule. A task that was queued before a limit was made, or whose lane was chosen without looking, is moved to the
 * lane of its limits here, and is for the next round.
 */
export async function openCaps(tx: LedgerTx, round: CappedRound): Promise<OpenCaps | undefined> {
  const { tasks, candidates, standing } = round;
  const isCapped = standing.limits.length + standing.budgets.length > 0;
  if (!isCapped && tasks.every(({ budgetIds }) => budgetIds.length === 0)) return undefined;
  const rules = standing.limits;
  const subjects = await tx.findSubjects(tasks);
  const misplaced = findMisplaced(tasks, { rules, subjects });
  const moves = misplaced.length === 0 ? [] : await move(tx, misplaced);
  const agents = new Set<string>(candidates.map(({ agentId }) => agentId));
  const ofRound = standing.budgets.filter(({ subjectId }) => subjectId === undefined || agents.has(subjectId));
  const budgetIds = [...new Set([...ofRound.map(({ id }) => id), ...tasks.flatMap((task) => task.budgetIds)])];
  const [limits, budgets] = await Promise.all([
    tx.lockLimits([...new Set(subjects.flatMap(({ laneLimitIds }) => laneLimitIds))]),
    tx.lockBudgets(budgetIds),
  ]);
  return { count: createCapCount({ rules, subjects, limits, budgets }), moves };
}

async function move(tx: LedgerTx, misplaced: ReturnType<typeof findMisplaced>): Promise<readonly LaneMove[]> {
  const requirementsByLane = await tx.laneRequirements([...new Set(misplaced.map(({ task }) => task.laneId))]);
  const laneIds = await tx.ensureLanes(
    misplaced.map(({ task: { tenantId, laneId }, limitIds }) => {
      const requirements = requirementsByLane.get(laneId);
      assert(requirements !== undefined, `lane ${laneId} is gone`);
      return { tenantId, requirements, limitIds };
    }),
  );
  const moves = misplaced.map(({ task: { tenantId, taskId } }, index) => {
    const laneId = laneIds[index];
    assert(laneId !== undefined, "a lane for each task that moves");
    return { tenantId, taskId, laneId };
  });
  await tx.moveTasks(moves);
  return moves;
}
