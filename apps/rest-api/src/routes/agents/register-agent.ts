import { registerAgent as register } from "@devmesh/agents";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentSchema, registrationExample, registrationSchema } from "../../schemas/agent-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import type { RouteDeps } from "../route-deps.ts";
import { maxBodyBytes } from "../tasks/submit-task.ts";

/** `POST /agents` */
export function registerAgent({ agents, engine, newId }: Pick<RouteDeps, "agents" | "engine" | "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/agents",
    operationId: "registerAgent",
    tag: "Agents",
    summary: "Register an agent, or update the one of that name",
    description:
      "The agent that says HELLO with this name is the same. Idempotent by nature: the same registration changes nothing " +
      "the second time, so that an `Idempotency-Key` is checked for its form and needs no storing.",
    scope: "agents:write",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: registrationSchema, example: registrationExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The agent.",
      data: agentSchema,
      example: agentExample,
      headers: { Location: "Where the agent is." },
    },
    errors: ["conflict"],
    async handle({ principal: { tenantId, agentName }, headers, body }) {
      readIdempotencyKey(headers);
      const context = { tenantId, delivery: "push", onlyName: agentName } as const;
      const agent = await register({ store: agents, newId }, context, body);
      engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: agent.id, delivery: agent.delivery }] });
      return { status: 201, data: agent, headers: { location: `/api/v1/agents/${agent.id}` } };
    },
  });
}
