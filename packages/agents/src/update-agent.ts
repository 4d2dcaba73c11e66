import { type Agent, type AgentId, AppError, agentUpdateSchema, parseWith, type TenantId } from "@devmesh/models";
import type { AgentStore } from "./agent-store.ts";

/**
 * Changes an agent. Afterwards the caller asks the engine for tasks for it, or, where it drains now, to give back what it
 * was offered.
 *
 * @param update unparsed: what AGENT_UPDATE or the body of `PATCH /agents/{id}` carries.
 * @throws AppError `invalid_argument`; `not_found`.
 */
export async function updateAgent(
  store: Pick<AgentStore, "update">,
  ref: { readonly tenantId: TenantId; readonly agentId: AgentId },
  update: unknown,
): Promise<Agent> {
  const parsed = parseWith(agentUpdateSchema, update);
  const agent = await store.update(ref.tenantId, ref.agentId, parsed);
  if (agent === undefined) throw new AppError("not_found", `no agent ${JSON.stringify(ref.agentId)}`);
  return agent;
}
