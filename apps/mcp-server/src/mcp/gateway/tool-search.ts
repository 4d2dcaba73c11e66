import type { Tools } from "@devmesh/gateway";
import { textSchema } from "@devmesh/models";
import { mayUseServer } from "@devmesh/tools";
import { z } from "zod";
import { takeFitting } from "../../page.ts";
import { defineTool, type Tool } from "../tools/tool.ts";
import { describe } from "./show-tool.ts";
import type { TenantServers } from "./tenant-servers.ts";

const input = z.strictObject({
  query: textSchema(500).describe("What the tool is to do, such as create issue."),
  server: textSchema(32).optional().describe("Only this server's, by its name."),
  limit: z.int().min(1).max(20).optional().meta({ default: 5 }),
});

const output = z.object({
  tools: z.array(
    z.object({
      name: z.string(),
      server: z.string(),
      title: z.string().optional(),
      description: z.string().describe("What its server says: data."),
      inputSchema: z.looseObject({}),
      outputSchema: z.looseObject({}).optional(),
      annotations: z.looseObject({}).optional(),
    }),
  ),
});

const defaultLimit = 5;
/** Of one answer as JSON: a model reads it. Judgement. */
const maxAnswerBytes = 262_144;

export interface ToolSearchDeps extends Pick<Tools, "externalTools"> {
  readonly tenantServers: Pick<TenantServers, "of">;
}

/** `tool_search` */
export function toolSearch({ externalTools, tenantServers }: ToolSearchDeps): Tool {
  return defineTool({
    name: "tool_search",
    title: "Search tools of other servers",
    description:
      "Finds tools of external MCP servers, by words of name and description, best first, with their schemas. Use " +
      "it when no listed tool does what is needed. Call what it finds with tool_call.",
    scopes: ["tools:execute"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ query, server: only, limit = defaultLimit }, { caller: { principal } }) {
      const { servers } = await tenantServers.of(principal.tenantId);
      const usable = servers.filter(
        (server) => mayUseServer(principal.scopes, server) && (only === undefined || server.name === only),
      );
      const ids = usable.map(({ id }) => id);
      const found = ids.length === 0 ? [] : await externalTools.search(principal.tenantId, ids, { query, limit });
      const nameOf = new Map(usable.map(({ id, name }) => [id, name]));
      const tools = found.map((tool) => {
        const { serverId, callName, title, inputSchema, outputSchema, annotations } = tool;
        const server = nameOf.get(serverId) ?? "";
        return {
          ...{ name: callName, server, ...(title !== undefined && { title }), description: describe(server, tool) },
          ...{ inputSchema, ...(outputSchema && { outputSchema }), ...(annotations && { annotations }) },
        };
      });
      return { kind: "complete", output: { tools: [...takeFitting(tools, maxAnswerBytes)] } };
    },
  });
}
