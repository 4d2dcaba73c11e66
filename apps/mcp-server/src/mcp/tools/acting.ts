import type { AgentStore } from "@devmesh/agents";
import type { Principal } from "@devmesh/auth";
import { type Agent, AppError, assertNotReserved } from "@devmesh/models";
import type { PullPresence } from "./pull-presence.ts";

/** What finding the agent of a call needs. */
export interface ActingDeps {
  readonly agents: Pick<AgentStore, "find">;
  readonly presence: PullPresence;
}

/**
 * The registered agent that a call acts as. An agent that pulls counts as present from now on.
 *
 * @param idOrName may be absent where the credential is bound to an agent.
 * @throws AppError `invalid_argument` where nobody is named; `not_found`; `permission_denied` for an agent that the
 * credential may not be, and, reason `agent_revoked`, for one that was revoked.
 */
export async function actAs(
  { agents, presence }: ActingDeps,
  principal: Pick<Principal, "tenantId" | "agentName">,
  idOrName: string | undefined,
): Promise<Agent> {
  const agent = await findOwnAgent(agents, principal, idOrName);
  if (agent.admin === "revoked") {
    throw new AppError("permission_denied", `agent ${agent.name} was revoked`, { reason: "agent_revoked" });
  }
  if (agent.delivery === "pull") await presence.renew({ tenantId: principal.tenantId, agentId: agent.id });
  return agent;
}

/** The same, but revoked or not, and without a sign of life. @throws AppError as {@link actAs} */
export async function findOwnAgent(
  agents: Pick<AgentStore, "find">,
  { tenantId, agentName }: Pick<Principal, "tenantId" | "agentName">,
  idOrName: string | undefined = agentName,
): Promise<Agent> {
  if (idOrName === undefined) {
    const message = "is required, as the credential is bound to no agent: the name that agent_register was given";
    throw new AppError("invalid_argument", `agent: ${message}`, { details: [{ path: "agent", message }] });
  }
  const agent = await agents.find(tenantId, idOrName);
  if (agent === undefined)
    throw new AppError("not_found", `no agent ${JSON.stringify(idOrName)}: agent_register makes one`);
  if (agentName !== undefined && agent.name !== agentName) {
    throw new AppError("permission_denied", `the credential is bound to the agent ${agentName}`);
  }
  assertNotReserved(agent.name);
  return agent;
}
