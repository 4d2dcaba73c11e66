import { discoverAgents } from "@devmesh/agents";
import { availabilities, nameSchema } from "@devmesh/models";
import { z } from "zod";
import { decodeCursor, encodeCursor, takeFitting } from "../../../page.ts";
import { cursorArgument, limitArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { listedAgent, toAgentView } from "./agent-view.ts";

const input = z.strictObject({
  capabilities: z.array(nameSchema).max(100).optional().describe("Names; only agents that have all."),
  availability: z.enum(availabilities).optional(),
  limit: limitArgument,
  cursor: cursorArgument,
});

const output = z.object({
  agents: z.array(listedAgent),
  nextCursor: z.string().optional(),
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
      "Lists the agents of your tenant, the latest registered first: who can do what, who is present, how much each " +
      "holds. Which agent gets a task the mesh decides.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ capabilities, availability, limit = defaultLimit, cursor }, { caller: { principal } }) {
      const found = await discoverAgents(agents, principal.tenantId, {
        filter: { capabilities, availability },
        page: { limit, after: cursor === undefined ? undefined : decodeCursor("agents", cursor) },
      });
      const page = takeFitting(found.agents, maxPageBytes);
      const last = page.at(-1);
      const isCut = page.length < found.agents.length && last !== undefined;
      const next = isCut ? { at: last.registeredAt, id: last.id } : found.next;
      return {
        kind: "complete",
        output: {
          agents: page.map(toAgentView),
          ...(next !== undefined && { nextCursor: encodeCursor("agents", next) }),
        },
      };
    },
  });
}
