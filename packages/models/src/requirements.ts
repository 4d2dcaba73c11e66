import { z } from "zod";
import { nameSchema, tagsSchema } from "./text.ts";

/** How the agent is chosen among those that fit. */
export const assignmentStrategies = ["capability_match", "least_loaded", "cost_optimized", "round_robin"] as const;

/** One of {@link assignmentStrategies}. */
export type AssignmentStrategy = (typeof assignmentStrategies)[number];

/** What a task asks of its agent, as it arrives. */
export const requirementsSchema = z.object({
  capabilities: z.array(nameSchema).min(1).max(20).optional(),
  minLevel: z.int().min(1).max(100).optional(),
  tags: tagsSchema.optional(),
  agent: nameSchema.optional(),
});

/**
 * What a task asks of its agent, with nothing left to default. Tasks of one tenant with equal requirements share a lane.
 * `excludedAgentIds` are the agents that rejected the task or let it lie: sorted, so that equal sets make one lane.
 */
export interface Requirements {
  readonly capabilities: readonly string[];
  readonly minLevel: number;
  readonly tags: Readonly<Record<string, string>>;
  /** An agent's name or id. */
  readonly agent?: string;
  readonly type: string;
  readonly excludedAgentIds: readonly string[];
}

/**
 * Fills in the defaults: the task's type is the capability it needs, at level 1. Capabilities are de-duplicated and
 * sorted, so that equal requirements are equal as canonical JSON.
 */
export function toRequirements(type: string, asked: z.infer<typeof requirementsSchema> | undefined): Requirements {
  const capabilities = [...new Set(asked?.capabilities ?? [type])].sort();
  return {
    capabilities,
    minLevel: asked?.minLevel ?? 1,
    tags: asked?.tags ?? {},
    ...(asked?.agent !== undefined && { agent: asked.agent }),
    type,
    excludedAgentIds: [],
  };
}
