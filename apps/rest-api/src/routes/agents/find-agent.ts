import { type Agent, AppError, assertNotReserved } from "@devmesh/models";
import type { RouteRequest } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";

/** The agent that a path names. @throws AppError `not_found` for one that the tenant does not have. */
export async function findAgent(
  { agents }: Pick<RouteDeps, "agents">,
  { principal, params }: Pick<RouteRequest, "principal" | "params">,
): Promise<Agent> {
  const idOrName = params["id"] ?? "";
  // nothing else can be an agent's id or name, and what holds U+0000 is no text for Postgres
  const agent = /^[A-Za-z0-9._:/-]{1,128}$/.test(idOrName)
    ? await agents.find(principal.tenantId, idOrName)
    : undefined;
  if (agent === undefined) throw noAgent(idOrName);
  return agent;
}

/**
 * {@link findAgent}, for a change.
 *
 * @throws AppError `permission_denied` where the credential is bound to another agent, and for the mesh's own: with other
 * capabilities it would carry out what anybody submits, and what it gives back would be done twice.
 */
export async function findAgentToChange(
  deps: Pick<RouteDeps, "agents">,
  request: Pick<RouteRequest, "principal" | "params">,
): Promise<Agent> {
  const agent = await findAgent(deps, request);
  assertNotReserved(agent.name);
  const { agentName } = request.principal;
  if (agentName === undefined || agentName === agent.name) return agent;
  throw new AppError("permission_denied", `the credential is bound to the agent ${agentName}`);
}

/** For an agent that was deregistered between two steps. */
export function noAgent(idOrName: string): AppError {
  return new AppError("not_found", `no agent ${JSON.stringify(idOrName.slice(0, 80))}`);
}
