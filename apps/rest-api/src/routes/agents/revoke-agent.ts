import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { changeAgent } from "./change-agent.ts";

/** Close code of the socket protocol: the agent was revoked. */
const revokedCode = 4403;

/** `POST /agents/{id}/revoke` */
export function revokeAgent(deps: Pick<RouteDeps, "agents" | "engine" | "findConnection" | "closeConnection">): Route {
  return changeAgent(deps, {
    verb: "revoke",
    summary: "Stop an agent at once",
    description: "Gives back what the agent holds, and closes its connection (4403).",
    async apply(agent, { principal: { tenantId } }) {
      await deps.agents.setAdmin(tenantId, agent.id, "revoked");
      const connection = await deps.findConnection(tenantId, agent.id);
      if (connection !== undefined) deps.closeConnection(connection, revokedCode, "revoked");
      await deps.engine.release({ tenantId, agentId: agent.id }, { offeredOnly: false, reason: "agent_revoked" });
    },
  });
}
