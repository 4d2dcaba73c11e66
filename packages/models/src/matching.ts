import type { Capability } from "./agent.ts";
import type { Requirements } from "./requirements.ts";

/** Why an agent can never take a task as both stand, whatever its load. */
export type Misfit = "agent" | "capability" | "level" | "tags" | "rejected";

/** An agent as far as matching looks at it. */
export interface MatchableAgent {
  readonly id: string;
  readonly name: string;
  readonly capabilities: readonly Capability[];
}

/** How well an agent fits: the inputs of the strategies that do not change with its load. */
export interface Fit {
  /** Sum over the asked capabilities of level − minLevel: 0 is a perfect fit. */
  readonly levelGap: number;
  /** Sum of the costs of the asked capabilities; undefined when the agent states none for one of them. */
  readonly costMicroUsd: number | undefined;
}

/**
 * The rule that says whether an agent fits a task. Checked in this order, the first that fails is the answer: the named
 * agent (by name or id), every capability by name, its level, its tags (all of the asked ones equal), no exclusion.
 * The SQL function `misfit` in the migrations says the same; a property test holds the two equal.
 */
export function findMisfit(requirements: Requirements, agent: MatchableAgent): Misfit | undefined {
  const { agent: wanted, minLevel } = requirements;
  if (wanted !== undefined && wanted !== agent.name && wanted !== agent.id) return "agent";
  const offered = askedCapabilities(requirements, agent);
  if (offered.some((capability) => capability === undefined)) return "capability";
  if (offered.some((capability) => (capability?.level ?? 1) < minLevel)) return "level";
  const tags = Object.entries(requirements.tags);
  if (offered.some((capability) => tags.some(([key, value]) => capability?.tags?.[key] !== value))) return "tags";
  if (requirements.excludedAgentIds.includes(agent.id)) return "rejected";
  return undefined;
}

/** Measures a fitting agent. For an agent that does not fit, the answer means nothing. */
export function measureFit(requirements: Requirements, agent: MatchableAgent): Fit {
  const offered = askedCapabilities(requirements, agent).filter((capability) => capability !== undefined);
  const costs = offered.map((capability) => capability.costMicroUsd);
  return {
    levelGap: offered.reduce((sum, capability) => sum + capability.level - requirements.minLevel, 0),
    costMicroUsd: costs.includes(undefined) ? undefined : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
  };
}

function askedCapabilities(requirements: Requirements, agent: MatchableAgent): (Capability | undefined)[] {
  return requirements.capabilities.map((name) => agent.capabilities.find((capability) => capability.name === name));
}
