import type { AssignmentStrategy, Candidate } from "@devmesh/models";

/**
 * How good a candidate is under a strategy; higher is better.
 *
 * | strategy | score |
 * |---|---|
 * | capability_match | 1 ÷ (1 + Σ(level − minLevel)): the least over-qualified |
 * | least_loaded | 1 − inFlight ÷ maxConcurrency |
 * | cost_optimized | 1 ÷ (1 + Σ costMicroUsd), 0 for an agent that states no cost |
 * | round_robin | 1 ÷ (1 + ms of its latest assignment): the least recently assigned, 1 for one that never was |
 */
export function score(strategy: AssignmentStrategy, candidate: Candidate): number {
  switch (strategy) {
    case "capability_match":
      return 1 / (1 + candidate.levelGap);
    case "least_loaded":
      return 1 - candidate.inFlight / candidate.maxConcurrency;
    case "cost_optimized":
      return candidate.costMicroUsd === undefined ? 0 : 1 / (1 + candidate.costMicroUsd);
    case "round_robin":
      return 1 / (1 + (candidate.lastAssignedAt?.getTime() ?? 0));
  }
}

/** Orders candidates best first: by score, then lower load, then the least recent assignment, then id. */
export function compareCandidates(strategy: AssignmentStrategy): (a: Candidate, b: Candidate) => number {
  return (a, b) =>
    score(strategy, b) - score(strategy, a) ||
    a.inFlight / a.maxConcurrency - b.inFlight / b.maxConcurrency ||
    (a.lastAssignedAt?.getTime() ?? 0) - (b.lastAssignedAt?.getTime() ?? 0) ||
    (a.agentId < b.agentId ? -1 : 1);
}
