import type {
  AgentId,
  AssignmentId,
  AssignmentWhy,
  Candidate,
  LaneId,
  PassedOver,
  QueuedTask,
  SlotPick,
  WeighedCandidate,
} from "@devmesh/models";
import { compareCandidates, score } from "./score.ts";

/** At most so many candidates are shown in `why`. */
const maxShown = 10;

/** What a plan is made of: locked tasks, free agents per lane, and the counts of those that are neither. */
export interface PlanInput {
  readonly tasks: readonly QueuedTask[];
  readonly candidates: readonly Candidate[];
  readonly passedOver: readonly PassedOver[];
  readonly now: Date;
  readonly newId: () => string;
}

/** Who is to get what, and the tasks for which nobody was left. */
export interface Plan {
  readonly picks: readonly SlotPick[];
  /** Lanes with a task that no free agent was left for. */
  readonly unplaced: readonly QueuedTask[];
}

/**
 * Chooses an agent for each task, best-ranked task first. Agents fill up as they are chosen; every choice is made with
 * the loads as they will then be.
 */
export function planAssignments(input: PlanInput): Plan {
  const candidatesByLane = Map.groupBy(input.candidates, ({ laneId }) => laneId);
  const passedOverByLane = countByLane(input.passedOver);
  const loads = new Map<AgentId, Load>();
  const picks: SlotPick[] = [];
  const unplaced: QueuedTask[] = [];
  for (const task of input.tasks) {
    const weighed = weigh(task, candidatesByLane.get(task.laneId) ?? [], loads);
    const chosen = weighed[0];
    if (chosen === undefined) {
      unplaced.push(task);
      continue;
    }
    loads.set(chosen.agentId, { inFlight: chosen.inFlight + 1, lastAssignedAt: input.now });
    const why = explain(task, weighed, passedOverByLane.get(task.laneId) ?? {});
    const { tenantId, taskId, strategy } = task;
    picks.push({
      tenantId,
      taskId,
      agentId: chosen.agentId,
      assignmentId: input.newId() as AssignmentId,
      strategy,
      why,
    });
  }
  return { picks, unplaced };
}

interface Load {
  readonly inFlight: number;
  readonly lastAssignedAt: Date;
}

function weigh(task: QueuedTask, candidates: readonly Candidate[], loads: ReadonlyMap<AgentId, Load>): Candidate[] {
  return candidates
    .map((candidate) => ({ ...candidate, ...loads.get(candidate.agentId) }))
    .filter(({ inFlight, maxConcurrency }) => inFlight < maxConcurrency)
    .sort(compareCandidates(task.strategy));
}

function explain(
  task: QueuedTask,
  weighed: readonly Candidate[],
  passedOver: Readonly<Record<string, number>>,
): AssignmentWhy {
  const candidates = weighed.slice(0, maxShown).map((candidate, index): WeighedCandidate => {
    const agent = { id: candidate.agentId, name: candidate.agentName };
    const points = score(task.strategy, candidate);
    return index === 0 ? { agent, score: points } : { agent, score: points, reason: "score" };
  });
  const beyond = weighed.length - candidates.length;
  return {
    strategy: task.strategy,
    candidates,
    passedOver: beyond > 0 ? { ...passedOver, score: beyond } : passedOver,
  };
}

function countByLane(passedOver: readonly PassedOver[]): ReadonlyMap<LaneId, Readonly<Record<string, number>>> {
  const rowsByLane = Map.groupBy(passedOver, ({ laneId }) => laneId);
  return new Map(
    [...rowsByLane].map(([laneId, rows]) => [
      laneId,
      Object.fromEntries(rows.map(({ reason, count }) => [reason, count])),
    ]),
  );
}
