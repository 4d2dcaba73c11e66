import { registerAgent } from "@devmesh/agents";
import { agentRegistrationSchema } from "@devmesh/models";
import { z } from "zod";
import { idempotencyKeyArgument, timeSchema } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentSchema, toAgentView } from "./agent-view.ts";
import { notPull } from "./not-pull.ts";

const { name, kind, capabilities, maxConcurrency, metadata } = agentRegistrationSchema.shape;

const input = z.strictObject({
  name: name.describe("A name of your choice, unique in your tenant: letters, digits and . _ : / -"),
  capabilities: capabilities.describe(
    "What you can do. A task is yours to claim if you have all capabilities that it requires; by default that is its type.",
  ),
  kind: kind.describe("For people and filters."),
  maxConcurrency: maxConcurrency.describe("Tasks that you may hold at once."),
  metadata: metadata.describe("Anything about you that programs should know, up to 64 KiB as JSON."),
  idempotencyKey: idempotencyKeyArgument("Not needed: registering a name again updates the same agent."),
});

const output = z.object({
  agent: agentSchema,
  presentUntil: timeSchema.describe("When you count as gone unless you call something by then."),
});

/** `agent_register` */
export function agentRegister({ agents, pull, presence, newId }: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_register",
    title: "Register an agent",
    description:
      "Makes you an agent of the mesh, or updates the agent of that name. Do this first: the tools that claim tasks, " +
      "report on them and exchange messages act as a registered agent. You pull: nothing is sent to you, you claim tasks " +
      "with task_claim and read mail with inbox_fetch. The agent lasts until agent_deregister; it counts as present until " +
      "presentUntil, and every call that acts as it renews that. An agent that is connected by socket is refused.",
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
      return {
        kind: "complete",
        output: { agent: toAgentView(alive.agent), presentUntil: alive.presentUntil },
      };
    },
  });
}
