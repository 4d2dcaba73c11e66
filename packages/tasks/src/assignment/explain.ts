import type {
  BudgetScope,
  BudgetStanding,
  LimitStanding,
  Requirements,
  UnassignedBecause,
  UnassignedReason,
} from "@devmesh/models";

/** How the agents of a tenant stand to a lane: the number of those that each reason keeps from it. */
export interface LaneStanding {
  readonly requirements: Requirements;
  readonly agents: number;
  readonly byReason: Readonly<Partial<Record<UnassignedReason, number>>>;
  /** Agents that could claim it, and have not; none unless given. */
  readonly unclaimed?: number;
  /** What has no room for the task, whoever is free. */
  readonly budget?: Pick<BudgetStanding, "scope" | "unit" | "cap" | "spent" | "reserved">;
  readonly limit?: Pick<LimitStanding, "kind" | "value" | "maxInFlight" | "inFlight">;
}

/** From the nearest miss to the farthest: what is told is what is missing least. */
const nearestFirst: readonly UnassignedReason[] = [
  "budget",
  "limit",
  "busy",
  "unreachable",
  "disconnected",
  "paused",
  "rejected",
  "tags",
  "level",
  "capability",
  "agent",
];

/** Says why a queued task has no agent, by the agents that came nearest. */
export function explainUnassigned(standing: LaneStanding): UnassignedBecause {
  if (standing.budget !== undefined) return { reason: "budget", message: describeBudget(standing.budget) };
  if (standing.limit !== undefined) return { reason: "limit", message: describeLimit(standing.limit) };
  if (standing.agents === 0) return { reason: "no_agent", message: "no agent is registered" };
  const { unclaimed = 0 } = standing;
  const kept = Object.values(standing.byReason).reduce((sum, count) => sum + count, unclaimed);
  const reason = nearestFirst.find((one) => (standing.byReason[one] ?? 0) > 0);
  // some agent fits and is free: the task is about to be assigned
  if (kept < standing.agents) return { reason: "busy", message: "an agent is free and will get it next" };
  if (unclaimed > 0 || reason === undefined) return { reason: "busy", message: describeUnclaimed(unclaimed) };
  return { reason, message: describe(reason, standing) };
}

/** They are as good as busy: nobody but they can say when they come for it. */
function describeUnclaimed(count: number): string {
  return `it waits to be claimed: agents that fit and are free claim their tasks (${count}), and none has asked yet`;
}

const owners: Readonly<Record<BudgetScope, string>> = {
  tenant: "the tenant",
  agent: "the agent",
  task: "the task",
  tree: "the tree of tasks that it belongs to",
};

function describeBudget({ scope, unit, cap, spent, reserved }: NonNullable<LaneStanding["budget"]>): string {
  const noun = unit === "tokens" ? "tokens" : "micro-dollars";
  return `it does not fit the budget of ${owners[scope]}: ${spent} ${noun} spent and ${reserved} reserved of ${cap}`;
}

function describeLimit({ kind, value, maxInFlight, inFlight }: NonNullable<LaneStanding["limit"]>): string {
  const of = kind === "tenant" ? "the tenant" : `the ${kind} ${JSON.stringify(value)}`;
  return `the limit of ${of} is reached: ${inFlight} in flight of ${maxInFlight}`;
}

function describe(reason: UnassignedReason, { requirements, agents, byReason }: LaneStanding): string {
  const count = byReason[reason] ?? 0;
  const capabilities = requirements.capabilities.join(", ");
  switch (reason) {
    case "agent":
      return `no agent is named ${requirements.agent}`;
    case "capability":
      return `none of the ${agents} agents has the capability ${capabilities}`;
    case "level":
      return `no agent has ${capabilities} at level ${requirements.minLevel} or above; ${count} are below it`;
    case "tags":
      return `no agent has ${capabilities} with the tags ${JSON.stringify(requirements.tags)}`;
    case "rejected":
      return `each of the ${count} fitting agents rejected it or let it lie`;
    case "paused":
      return `each of the ${count} fitting agents is paused or revoked`;
    case "disconnected":
      return `each of the ${count} fitting agents is disconnected`;
    case "unreachable":
      return `each of the ${count} fitting agents is unreachable`;
    case "budget":
      return `each of the ${count} fitting agents has no budget left for it`;
    default:
      return `each of the ${count} fitting agents is busy`;
  }
}
