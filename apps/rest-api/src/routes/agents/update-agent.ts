import { updateAgent as update } from "@devmesh/agents";
import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentParams, agentSchema, updateSchema } from "../../schemas/agent-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { maxBodyBytes } from "../tasks/submit-task.ts";
import { findAgentToChange } from "./find-agent.ts";

/** `PATCH /agents/{id}` */
export function updateAgent(deps: Pick<RouteDeps, "agents" | "engine">): Route {
  const { agents, engine } = deps;
  return defineRoute({
    method: "patch",
    path: "/agents/{id}",
    operationId: "updateAgent",
    tag: "Agents",
    summary: "Change an agent",
    description: "What is absent stays as it is. An agent that drains now gives back what it has not accepted yet.",
    scope: "agents:write",
    params: agentParams,
    body: { schema: updateSchema, example: { maxConcurrency: 8 }, maxBytes: maxBodyBytes },
    success: { status: 200, description: "The agent.", data: agentSchema, example: agentExample },
    errors: ["not_found"],
    async handle(request) {
      const { tenantId } = request.principal;
      const before = await findAgentToChange(deps, request);
      const ref = { tenantId, agentId: before.id };
      const agent = await update(agents, ref, request.body);
      const drainsNow = agent.availability === "draining" && before.availability !== "draining";
      if (drainsNow) await engine.release(ref, { offeredOnly: true, reason: "draining" });
      else engine.requestAssignment({ lanes: [], agents: [{ ...ref, delivery: agent.delivery }] });
      return { data: drainsNow ? ((await agents.find(tenantId, agent.id)) ?? agent) : agent };
    },
  });
}
