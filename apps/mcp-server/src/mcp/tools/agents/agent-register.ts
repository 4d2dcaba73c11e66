import { registerAgent } from "@devmesh/agents";
import { agentRegistrationSchema } from "@devmesh/models";
import { z } from "zod";
import { timeSchema, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentInBrief, toAgentView } from "./agent-view.ts";
import { notPull } from "./not-pull.ts";

const { name, kind, capabilities, maxConcurrency, metadata } = agentRegistrationSchema.shape;

const input = z.strictObject({
  name: name.describe("Of your choice. The same name is the same agent again."),
  capabilities: capabilities.describe(
    'Such as [{"name": "code.review"}]. You get tasks of which you have every required capability, by default the type.',
  ),
  kind: kind,
  maxConcurrency: maxConcurrency.describe("Tasks you may hold at once."),
  metadata: metadata.describe("Up to 64 KiB."),
  idempotencyKey: unneededKey,
});

const output = z.object({
  agent: agentInBrief,
  presentUntil: timeSchema.describe("Call something by then."),
});

/** `agent_register` */
export function agentRegister({ agents, pull, presence, engine, newId }: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_register",
    title: "Register an agent",
    description:
      "Makes you an agent of the mesh, or updates the one of that name. Do it first: you claim, report and exchange " +
      "messages as an agent. Nothing is sent to you: claim with task_claim, read mail with inbox_fetch. It lasts " +
      "until agent_deregister; you are present until presentUntil, and every call as this agent renews that.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ idempotencyKey: _, ...registration }, { caller: { principal } }) {
      const { tenantId, agentName } = principal;
      const context = { tenantId, delivery: "pull", presenceMs: presence.presenceMs, onlyName: agentName } as const;
      const { id: agentId } = await registerAgent({ store: agents, newId }, context, registration);
      const ref = { tenantId, agentId };
      const alive = await pull.heartbeat(ref, { presenceMs: presence.presenceMs });
      // it connected, or was deregistered, between the two
      if (alive === undefined) throw notPull(registration.name);
      presence.noteRenewed(ref);
      // a claim of it may wait that found nothing for what it could do before
      engine.requestAssignment({ lanes: [], agents: [{ ...ref, delivery: "pull" }] });
      return {
        kind: "complete",
        output: { agent: toAgentView(alive.agent), presentUntil: alive.presentUntil },
      };
    },
  });
}
