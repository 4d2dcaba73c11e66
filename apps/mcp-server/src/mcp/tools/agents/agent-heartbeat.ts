import { agentUpdateSchema, assignmentStates } from "@devmesh/models";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, timeSchema, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentInBrief, toAgentView } from "./agent-view.ts";
import { notPull } from "./not-pull.ts";

const input = z.strictObject({
  agent: agentArgument,
  load: agentUpdateSchema.shape.load,
  idempotencyKey: unneededKey,
});

const holdingSchema = z.object({
  assignmentId: z.string(),
  fence: z.int(),
  taskId: z.string(),
  state: z.enum(assignmentStates),
  leaseUntil: timeSchema.optional().describe("Absent while the task waits."),
});

const output = z.object({
  agent: agentInBrief,
  presentUntil: timeSchema,
  holding: z.array(holdingSchema),
  mail: z.int().describe("Items in your inbox, up to 1,000."),
});

/** `agent_heartbeat` */
export function agentHeartbeat(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_heartbeat",
    title: "Say that an agent is alive",
    description:
      "Renews your presence and tells what you hold, until when, and how much mail waits. Use it after a minute " +
      "without calls, and after a restart. It renews no lease: task_progress does.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ agent: named, load }, { caller: { principal } }) {
      const { id: agentId, name, delivery } = await actAs(deps, principal, named);
      if (delivery === "push") throw notPull(name);
      const ref = { tenantId: principal.tenantId, agentId };
      const alive = await deps.pull.heartbeat(ref, { presenceMs: deps.presence.presenceMs, load });
      if (alive === undefined) throw notPull(name);
      deps.presence.noteRenewed(ref);
      const { agent, presentUntil, holding, mail } = alive;
      return {
        kind: "complete",
        output: {
          agent: toAgentView(agent),
          presentUntil,
          holding: [...holding],
          mail,
        },
      };
    },
  });
}
