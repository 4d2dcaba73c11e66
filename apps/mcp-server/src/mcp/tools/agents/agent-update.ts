import { agentUpdateSchema } from "@devmesh/models";
import { z } from "zod";
import { changeAgent } from "../../../agents/change-agent.ts";
import { actAs } from "../acting.ts";
import { agentArgument, neededNoKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentSchema, toAgentView } from "./agent-view.ts";

const { capabilities, maxConcurrency, availability, load, metadata } = agentUpdateSchema.shape;

const input = z.strictObject({
  agent: agentArgument,
  capabilities: capabilities.describe("All of them: what is not in the list is gone."),
  maxConcurrency: maxConcurrency.describe("Tasks that you may hold at once."),
  availability: availability.describe(
    "available: you take tasks. busy: none for now. draining: none any more, you finish what you hold and then leave.",
  ),
  load: load.describe("How busy your machine is."),
  metadata: metadata.describe("Takes the place of what you said before; up to 64 KiB as JSON."),
  idempotencyKey: neededNoKey,
});

const output = z.object({ agent: agentSchema });

/** `agent_update` */
export function agentUpdate(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_update",
    title: "Change an agent",
    description:
      "Changes what the mesh knows of you: capabilities, how many tasks you may hold, availability. What you leave out " +
      "stays as it is. Use availability draining before you stop. What it sets lasts until the next change.",
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
