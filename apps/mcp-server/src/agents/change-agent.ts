import { type AgentStore, updateAgent } from "@devmesh/agents";
import type { Agent } from "@devmesh/models";
import type { AgentSlotRef, TaskEngine } from "@devmesh/tasks";

/**
 * Changes an agent as it says of itself. One that drains gives back what it has not accepted; any other may get tasks that
 * fit it now.
 *
 * @param update unparsed.
 * @throws AppError `invalid_argument`; `not_found`.
 */
export async function changeAgent(
  {
    agents,
    engine,
  }: {
    readonly agents: Pick<AgentStore, "update">;
    readonly engine: Pick<TaskEngine, "release" | "requestAssignment">;
  },
  slot: AgentSlotRef,
  update: { readonly availability?: unknown },
): Promise<Agent> {
  const agent = await updateAgent(agents, slot, update);
  if (update.availability === "draining") {
    await engine.release(slot, { offeredOnly: true, reason: "the agent drains" });
  } else {
    engine.requestAssignment({ lanes: [], agents: [{ ...slot, delivery: agent.delivery }] });
  }
  return agent;
}
