import { type AssignmentId, parseId, taskStates } from "@devmesh/models";
import type { AgentWord, TaskEngine } from "@devmesh/tasks";
import { z } from "zod";
import { toRecorded } from "../../../assignments/words.ts";
import { type ActingDeps, actAs } from "../acting.ts";
import { timeSchema } from "../arguments.ts";
import type { ToolCall } from "../tool.ts";

/** What became of a word about an assignment. */
export const recordedSchema = z.object({
  taskId: z.string(),
  taskState: z.enum(taskStates),
  leaseUntil: timeSchema.optional(),
  duplicate: z.boolean().describe("It was recorded before."),
});

/** What saying a word needs. */
export interface WordDeps extends ActingDeps {
  readonly engine: Pick<TaskEngine, "perform">;
}

/** Whom and what a word is about. */
interface About {
  readonly agent?: string | undefined;
  readonly assignmentId: string;
  readonly fence: number;
}

/**
 * Says a word about an assignment as its agent; answers once it is durable.
 *
 * @throws AppError `not_found`; `conflict`, reason `stale_assignment`; and what the engine refuses.
 */
export async function sayWord(
  deps: WordDeps,
  { caller: { principal } }: Pick<ToolCall, "caller">,
  { agent, assignmentId, fence }: About,
  word: AgentWord,
): Promise<z.input<typeof recordedSchema>> {
  const { id: agentId } = await actAs(deps, principal, agent);
  const outcome = await deps.engine.perform({
    tenantId: principal.tenantId,
    agentId,
    assignmentId: parseId<AssignmentId>(assignmentId, "assignment"),
    fence,
    word,
  });
  const { taskId, taskState, leaseUntil, duplicate } = toRecorded(outcome);
  return { taskId, taskState, ...(leaseUntil !== undefined && { leaseUntil: leaseUntil.toISOString() }), duplicate };
}
