import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { assertNotRevoked, changeAgent } from "./change-agent.ts";

/** `POST /agents/{id}/pause` */
export function pauseAgent(deps: Pick<RouteDeps, "agents">): Route {
  return changeAgent(deps, {
    verb: "pause",
    summary: "Stop new offers",
    description: "What the agent holds runs on.",
    async apply(agent, { principal }) {
      assertNotRevoked(agent);
      await deps.agents.setAdmin(principal.tenantId, agent.id, "paused");
    },
  });
}
