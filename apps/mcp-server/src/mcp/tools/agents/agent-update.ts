import { agentUpdateSchema } from "@devmesh/models";
import { z } from "zod";
import { changeAgent } from "../../../agents/change-agent.ts";
import { actAs } from "../acting.ts";
import { agentArgument, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentInBrief, toAgentView } from "./agent-view.ts";

const { capabilities, maxConcurrency, availability, load, metadata } = agentUpdateSchema.shape;

const input = z.strictObject({
  agent: agentArgument,
  capabilities: capabilities.describe("All of them; what is not listed is gone."),
  maxConcurrency,
  availability: availability.describe("busy: no tasks for now. draining: none any more, finish and leave."),
  load,
  metadata: metadata.describe("Replaces all of it; up to 64 KiB."),
  idempotencyKey: unneededKey,
});

const output = z.object({ agent: agentInBrief });

/** `agent_update` */
export function agentUpdate(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_update",
    title: "Change an agent",
    description:
      "Changes what the mesh knows of you; what you leave out stays as it is. Set availability to draining before " +
      "you stop.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ agent: named, idempotencyKey: _, ...update }, { caller: { principal } }) {
      const { id: agentId } = await actAs(deps, principal, named);
      const agent = await changeAgent(deps, { tenantId: principal.tenantId, agentId }, update);
      return { kind: "complete", output: { agent: toAgentView(agent) } };
    },
  });
}
