import type { ExternalTool } from "@devmesh/models";
import type { ServerTool } from "@devmesh/repositories";
import type { ListedTool } from "../tools/tool-source.ts";

/** Characters of a description that a list shows. Judgement: a model reads all of them. */
const maxDescription = 1_024;

/**
 * A tool of another server as `tools/list` shows it: what its server says of it stands behind the name of that server, cut,
 * and as what somebody else says. Its hints are left out: a client that takes them for ours would ask its user no more
 * before it calls what is said to harm nothing. Without them it expects the worst, as the protocol has it.
 */
export function toListed(server: string, tool: ServerTool): ListedTool {
  const { callName, name, inputSchema } = tool;
  const title = `${tool.title ?? name} (${server})`;
  return { name: callName, title, description: describe(server, tool), inputSchema, annotations: { title } };
}

/** What its server says of a tool, marked as such. */
export function describe(server: string, { description }: Pick<ExternalTool, "description">): string {
  const said = description?.slice(0, maxDescription).toWellFormed();
  const whose = `A tool of the external server "${server}"`;
  return said === undefined || said === "" ? `${whose}.` : `${whose}, which says of it: ${said}`;
}
