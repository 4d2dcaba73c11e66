import { type Agent, AppError } from "@devmesh/models";
import { defineRoute, type Route, type RouteRequest } from "../../http/route.ts";
import { agentExample, agentParams, agentSchema } from "../../schemas/agent-schema.ts";
import { emptyBody } from "../../schemas/empty-body.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findAgentToChange, noAgent } from "./find-agent.ts";

interface Change {
  readonly verb: "pause" | "resume" | "drain" | "revoke";
  readonly summary: string;
  readonly description: string;
  readonly apply: (agent: Agent, request: RouteRequest) => Promise<void>;
}

/** A `POST /agents/{id}/<verb>`: all four differ in what is applied only. */
export function changeAgent(deps: Pick<RouteDeps, "agents">, { verb, apply, ...words }: Change): Route {
  return defineRoute({
    method: "post",
    path: `/agents/{id}/${verb}`,
    operationId: `${verb}Agent`,
    tag: "Agents",
    ...words,
    scope: "agents:write",
    params: agentParams,
    body: emptyBody,
    success: { status: 200, description: "The agent as it is now.", data: agentSchema, example: agentExample },
    errors: ["not_found", "failed_precondition"],
    async handle(request) {
      const agent = await findAgentToChange(deps, request);
      await apply(agent, request);
      const changed = await deps.agents.find(request.principal.tenantId, agent.id);
      if (changed === undefined) throw noAgent(agent.name);
      return { data: changed };
    },
  });
}

/** @throws AppError `failed_precondition`, reason `agent_revoked`: what was revoked is not lifted by the way. */
export function assertNotRevoked(agent: Agent): void {
  if (agent.admin !== "revoked") return;
  throw new AppError("failed_precondition", `agent ${agent.name} is revoked: resume it first`, {
    reason: "agent_revoked",
  });
}
