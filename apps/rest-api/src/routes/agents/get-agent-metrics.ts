import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentMetricsSchema, agentParams } from "../../schemas/agent-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findAgent } from "./find-agent.ts";

/** `GET /agents/{id}/metrics` */
export function getAgentMetrics(deps: Pick<RouteDeps, "agents" | "agentMetrics">): Route {
  return defineRoute({
    method: "get",
    path: "/agents/{id}/metrics",
    operationId: "getAgentMetrics",
    tag: "Agents",
    summary: "What an agent holds, and how its assignments ended lately",
    scope: "agents:read",
    params: agentParams,
    success: {
      status: 200,
      description: "Numbers of the ledger.",
      data: agentMetricsSchema,
      example: {
        agentId: agentExample.id,
        inFlight: 1,
        maxConcurrency: 4,
        ended: {
          lastHour: { byState: { completed: 12 }, meanCompletedMs: 840 },
          lastDay: { byState: { completed: 210, failed: 3 }, meanCompletedMs: 910 },
        },
        isPartial: false,
      },
    },
    errors: ["not_found"],
    async handle(request) {
      const { id, inFlight, maxConcurrency } = await findAgent(deps, request);
      const { isPartial, ...ended } = await deps.agentMetrics.read(request.principal.tenantId, id);
      return { data: { agentId: id, inFlight, maxConcurrency, ended, isPartial } };
    },
  });
}
