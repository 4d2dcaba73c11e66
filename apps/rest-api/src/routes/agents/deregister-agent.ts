import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentParams, agentSchema } from "../../schemas/agent-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findAgentToChange, noAgent } from "./find-agent.ts";

/** Close code of the socket protocol: left or deregistered. */
const leftCode = 1000;

/** `DELETE /agents/{id}` */
export function deregisterAgent(
  deps: Pick<RouteDeps, "agents" | "engine" | "findConnection" | "closeConnection">,
): Route {
  const { agents, engine, findConnection, closeConnection } = deps;
  return defineRoute({
    method: "delete",
    path: "/agents/{id}",
    operationId: "deregisterAgent",
    tag: "Agents",
    summary: "Deregister an agent",
    description: "Its assignments go back to the queue, its connection is closed, its name is free again.",
    scope: "agents:write",
    params: agentParams,
    success: { status: 200, description: "The agent as it was last.", data: agentSchema, example: agentExample },
    errors: ["not_found"],
    async handle(request) {
      const { tenantId } = request.principal;
      const { id: agentId, name } = await findAgentToChange(deps, request);
      // deregistering forgets it
      const connection = await findConnection(tenantId, agentId);
      const agent = await agents.deregister(tenantId, agentId);
      if (agent === undefined) throw noAgent(name);
      if (connection !== undefined) closeConnection(connection, leftCode, "deregistered");
      await engine.release({ tenantId, agentId }, { offeredOnly: false, reason: "agent_deregistered" });
      return { data: agent };
    },
  });
}
