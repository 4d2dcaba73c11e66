import type { Scope } from "@devmesh/auth";
import type { Tool } from "../tools/tool.ts";
import { isStructured } from "../tools/tool-result.ts";
import type { ListedTool } from "../tools/tool-source.ts";
import { toInputSchema, toOutputSchema } from "./listed-schema.ts";

/** The server's own tools, with what is worked out of them once. */
export interface Catalogue {
  /** As `tools/list` shows them, in order of declaration. */
  readonly listed: readonly ListedTool[];
  find(name: string): Tool | undefined;
  /** The schema of a tool that wants some of its arguments in headers, too; undefined for any other. */
  headerSchema(name: string): Record<string, unknown> | undefined;
  /** What a caller of the tool needs; nothing where it is none of ours. */
  scopesOf(name: string): readonly Scope[];
}

interface Entry {
  readonly tool: Tool;
  readonly listed: ListedTool;
  readonly headerSchema: Record<string, unknown> | undefined;
}

/** Turns the schemas of tools into JSON Schema 2020-12, once for all requests. */
export function createCatalogue(tools: readonly Tool[]): Catalogue {
  const entries = tools.map(toEntry);
  const byName = new Map(entries.map((entry) => [entry.tool.name, entry]));
  if (byName.size < entries.length) throw new Error("two tools have the same name");
  return {
    listed: entries.map(({ listed }) => listed),
    find: (name) => byName.get(name)?.tool,
    headerSchema: (name) => byName.get(name)?.headerSchema,
    scopesOf: (name) => byName.get(name)?.tool.scopes ?? [],
  };
}

const harmless = { destructiveHint: false, idempotentHint: true };

function toEntry(tool: Tool): Entry {
  const inputSchema = toInputSchema(tool.input);
  const { name, title, description, annotations } = tool;
  const listed: ListedTool = {
    name,
    title,
    description,
    inputSchema,
    ...(isStructured(tool) && { outputSchema: toOutputSchema(tool.output) }),
    // what only reads harms nothing, and clients differ in what they take for granted
    annotations: { ...(annotations.readOnlyHint === true && harmless), ...annotations },
  };
  return {
    tool,
    listed,
    headerSchema: JSON.stringify(inputSchema).includes('"x-mcp-header"') ? inputSchema : undefined,
  };
}
