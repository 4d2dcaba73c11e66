import { agentUpdateSchema, assignmentStates } from "@devmesh/models";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument, timeSchema } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentSchema, toAgentView } from "./agent-view.ts";
import { notPull } from "./not-pull.ts";

const input = z.strictObject({
  agent: agentArgument,
  load: agentUpdateSchema.shape.load.describe("How busy your machine is, if you know."),
  idempotencyKey: idempotencyKeyArgument("Not needed: a heartbeat may be sent at any time."),
});

const holdingSchema = z.object({
  assignmentId: z.string(),
  fence: z.int(),
  taskId: z.string(),
  state: z.enum(assignmentStates),
  leaseUntil: timeSchema.optional().describe("Absent while the task waits for a person or for tasks it delegated."),
});

const output = z.object({
  agent: agentSchema,
  presentUntil: timeSchema,
  holding: z.array(holdingSchema).describe("What you hold: finish, fail or release each before its lease ends."),
  mail: z.int().describe("Items that wait in your inbox, counted up to 1,000: read them with inbox_fetch."),
});

/** `agent_heartbeat` */
export function agentHeartbeat(deps: AgentToolDeps): Tool {
  return defineTool({
    name: "agent_heartbeat",
    title: "Say that an agent is alive",
    description:
      "Renews your presence and tells what you hold, until when each lease lasts, and how much mail waits. Use it when you " +
      "have called nothing else for a minute, and to find out what you still hold after a restart. It renews no lease: " +
      "task_progress does.",
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
