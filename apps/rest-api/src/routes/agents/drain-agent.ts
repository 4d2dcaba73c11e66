import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { changeAgent } from "./change-agent.ts";

/** `POST /agents/{id}/drain` */
export function drainAgent(deps: Pick<RouteDeps, "agents" | "engine">): Route {
  return changeAgent(deps, {
    verb: "drain",
    summary: "Stop new offers, and give back what was not accepted yet",
    description: "What was accepted runs on.",
    async apply(agent, { principal: { tenantId } }) {
      await deps.agents.update(tenantId, agent.id, { availability: "draining" });
      await deps.engine.release({ tenantId, agentId: agent.id }, { offeredOnly: true, reason: "draining" });
    },
  });
}
