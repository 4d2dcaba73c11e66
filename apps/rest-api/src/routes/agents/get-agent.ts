import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentParams, agentSchema } from "../../schemas/agent-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findAgent } from "./find-agent.ts";

/** `GET /agents/{id}` */
export function getAgent(deps: Pick<RouteDeps, "agents">): Route {
  return defineRoute({
    method: "get",
    path: "/agents/{id}",
    operationId: "getAgent",
    tag: "Agents",
    summary: "Get one agent",
    scope: "agents:read",
    params: agentParams,
    success: { status: 200, description: "The agent.", data: agentSchema, example: agentExample },
    errors: ["not_found"],
    handle: async (request) => ({ data: await findAgent(deps, request) }),
  });
}
