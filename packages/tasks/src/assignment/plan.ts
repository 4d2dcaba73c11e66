import type {
  AgentId,
  AssignmentId,
  AssignmentWhy,
  Candidate,
  CapHold,
  LaneId,
  ParkedTask,
  PassedOver,
  QueuedTask,
  SlotPick,
  WeighedCandidate,
} from "@devmesh/models";
import type { CapCount, Placing } from "./cap-count.ts";
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
  /** Undefined where nothing caps any of the tasks. */
  readonly caps?: CapCount | undefined;
}

/** Who is to get what, and the tasks for which nobody was left. */
export interface Plan {
  readonly picks: readonly SlotPick[];
  /** Lanes with a task that no free agent was left for. */
  readonly unplaced: readonly QueuedTask[];
  /** What the picks count in and reserve, for those that are capped. */
  readonly holds: readonly CapHold[];
  /** Tasks that a budget has no room for. */
  readonly parked: readonly (ParkedTask & Pick<QueuedTask, "laneId">)[];
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
  const holds: CapHold[] = [];
  const parked: Plan["parked"][number][] = [];
  for (const task of input.tasks) {
    const weighed = weigh(task, candidatesByLane.get(task.laneId) ?? [], loads);
    const { tenantId, taskId, laneId, strategy } = task;
    const placing = input.caps?.place(task, weighed) ?? placeUncapped(weighed);
    if (placing.kind === "waits") unplaced.push(task);
    if (placing.kind === "parked") {
      parked.push({ tenantId, taskId, laneId, budgetId: placing.budgetId, retryAfterMs: placing.retryAfterMs });
    }
    if (placing.kind !== "agent") continue;
    const { candidate: chosen, limitIds, reservations } = placing;
    const taken = (loads.get(chosen.agentId)?.taken ?? 0) + 1;
    loads.set(chosen.agentId, { inFlight: chosen.inFlight + 1, lastAssignedAt: input.now, taken });
    const tooDear = weighed.indexOf(chosen);
    const passedOver = passedOverByLane.get(laneId) ?? {};
    const why =
      tooDear === 0
        ? explain(task, weighed, passedOver)
        : explain(task, weighed.slice(tooDear), { ...passedOver, budget: tooDear });
    const assignmentId = input.newId() as AssignmentId;
    picks.push({ tenantId, taskId, agentId: chosen.agentId, assignmentId, strategy, why });
    if (limitIds.length + reservations.length > 0) holds.push({ tenantId, assignmentId, limitIds, reservations });
  }
  return { picks, unplaced, holds, parked };
}

function placeUncapped([candidate]: readonly Candidate[]): Placing {
  if (candidate === undefined) return { kind: "waits" };
  return { kind: "agent", candidate, limitIds: [], reservations: [] };
}

/** How many tasks an agent takes in one round at most. */
export function roomOf({ inFlight, maxConcurrency, claims = maxConcurrency }: Candidate): number {
  return Math.min(maxConcurrency - inFlight, claims);
}

interface Load {
  readonly inFlight: number;
  /** In this plan. */
  readonly taken: number;
  readonly lastAssignedAt: Date;
}

function weigh(task: QueuedTask, candidates: readonly Candidate[], loads: ReadonlyMap<AgentId, Load>): Candidate[] {
  return candidates
    .filter((candidate) => (loads.get(candidate.agentId)?.taken ?? 0) < roomOf(candidate))
    .map((candidate) => ({ ...candidate, ...loads.get(candidate.agentId) }))
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
