import { discoverAgents } from "@devmesh/agents";
import { availabilities, nameSchema } from "@devmesh/models";
import { z } from "zod";
import { decodeCursor, encodeCursor, takeFitting } from "../../../page.ts";
import { cursorArgument, limitArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentSchema, toAgentView } from "./agent-view.ts";

const input = z.strictObject({
  capabilities: z.array(nameSchema).max(100).optional().describe("Only agents that have all of these, by name."),
  availability: z.enum(availabilities).optional().describe("Only agents that say this of themselves."),
  limit: limitArgument,
  cursor: cursorArgument,
});

const output = z.object({
  agents: z.array(agentSchema),
  nextCursor: z.string().optional().describe("Absent on the last page."),
});

const defaultLimit = 20;
/** Of one page as JSON: a model reads it. Judgement. */
const maxPageBytes = 262_144;

/** `agent_list` */
export function agentList({ agents }: Pick<AgentToolDeps, "agents">): Tool {
  return defineTool({
    name: "agent_list",
    title: "List agents",
    description:
      "Lists the registered agents of your tenant, the latest registered first: who can do what, who is present, how much " +
      "each holds. Use it to find whom to message, or whether anybody can take a task. It shows this moment; you need not " +
      "choose an agent for a task, the mesh does.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ capabilities, availability, limit = defaultLimit, cursor }, { caller: { principal } }) {
      const found = await discoverAgents(agents, principal.tenantId, {
        filter: { capabilities, availability },
        page: { limit, after: cursor === undefined ? undefined : decodeCursor(cursor) },
      });
      const page = takeFitting(found.agents, maxPageBytes);
      const last = page.at(-1);
      const isCut = page.length < found.agents.length && last !== undefined;
      const next = isCut ? { at: last.registeredAt, id: last.id } : found.next;
      return {
        kind: "complete",
        output: { agents: page.map(toAgentView), ...(next !== undefined && { nextCursor: encodeCursor(next) }) },
      };
    },
  });
}
