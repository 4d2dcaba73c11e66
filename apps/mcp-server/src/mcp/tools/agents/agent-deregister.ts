import { closeCodes } from "@devmesh/protocol";
import { z } from "zod";
import { endAgent } from "../../../agents/end-agent.ts";
import { findOwnAgent } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentSchema, toAgentView } from "./agent-view.ts";

const input = z.strictObject({
  agent: agentArgument,
  idempotencyKey: idempotencyKeyArgument("Not needed: a second call finds no such agent and changes nothing."),
});

const output = z.object({ agent: agentSchema.describe("As it was last.") });

/** `agent_deregister` */
export function agentDeregister(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_deregister",
    title: "Deregister an agent",
    description:
      "Ends an agent of yours: what it holds goes back to the queue, uncounted, its mail is gone, its name is free again. " +
      "Use it when you stop for good; before a pause, finish or release what you hold instead.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ agent: named }, { caller: { principal } }) {
      const { tenantId } = principal;
      const { id: agentId } = await findOwnAgent(deps.agents, principal, named);
      // deregistering forgets it
      const connection = await deps.agents.connectionOf(tenantId, agentId);
      const agent = await endAgent(deps, { tenantId, agentId });
      if (connection !== undefined) {
        deps.closeConnection(connection.nodeId, connection.connectionId, closeCodes.normal, "deregistered");
      }
      return { kind: "complete", output: { agent: toAgentView(agent) } };
    },
  });
}
