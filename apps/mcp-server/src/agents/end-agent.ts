import type { AgentStore } from "@devmesh/agents";
import { type Agent, AppError } from "@devmesh/models";
import type { AgentSlotRef, TaskEngine } from "@devmesh/tasks";

/**
 * Deregisters an agent, gives back what it holds, and gives the agent as it was last. Its connection is the caller's to
 * close.
 *
 * @throws AppError `not_found`
 */
export async function endAgent(
  { agents, engine }: { readonly agents: Pick<AgentStore, "deregister">; readonly engine: Pick<TaskEngine, "release"> },
  slot: AgentSlotRef,
): Promise<Agent> {
  // first it gets nothing new, then it gives back what it has
  const agent = await agents.deregister(slot.tenantId, slot.agentId);
  if (agent === undefined) throw new AppError("not_found", `no agent ${JSON.stringify(slot.agentId)}`);
  await engine.release(slot, { offeredOnly: false, reason: "the agent was deregistered" });
  return agent;
}
