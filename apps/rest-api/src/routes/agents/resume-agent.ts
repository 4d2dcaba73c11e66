import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { changeAgent } from "./change-agent.ts";

/** `POST /agents/{id}/resume` */
export function resumeAgent(deps: Pick<RouteDeps, "agents" | "engine">): Route {
  return changeAgent(deps, {
    verb: "resume",
    summary: "Let an agent be offered tasks again",
    description: "Undoes pause, drain and revoke.",
    async apply(agent, { principal: { tenantId } }) {
      await deps.agents.setAdmin(tenantId, agent.id, "active");
      if (agent.availability === "draining")
        await deps.agents.update(tenantId, agent.id, { availability: "available" });
      deps.engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: agent.id, delivery: agent.delivery }] });
    },
  });
}
