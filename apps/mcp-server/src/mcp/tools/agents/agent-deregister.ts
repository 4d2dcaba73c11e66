import { closeCodes } from "@devmesh/protocol";
import { z } from "zod";
import { endAgent } from "../../../agents/end-agent.ts";
import { findOwnAgent } from "../acting.ts";
import { agentArgument, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentInBrief, toAgentView } from "./agent-view.ts";

const input = z.strictObject({
  agent: agentArgument,
  idempotencyKey: unneededKey,
});

const output = z.object({ agent: agentInBrief });

/** `agent_deregister` */
export function agentDeregister(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_deregister",
    title: "Deregister an agent",
    description:
      "Ends an agent of yours for good: what it holds goes back to the queue, uncounted, and its mail is gone. " +
      "Before a mere pause release what you hold instead.",
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
