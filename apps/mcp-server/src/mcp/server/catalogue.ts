import { isDeepStrictEqual as isEqual } from "node:util";
import type { Scope } from "@devmesh/auth";
import { z } from "zod";
import type { Tool } from "../tools/tool.ts";
import { isStructured } from "../tools/tool-result.ts";
import type { ListedTool } from "../tools/tool-source.ts";

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
  const inputSchema = toJsonSchema(tool.input);
  const { name, title, description, annotations } = tool;
  const listed: ListedTool = {
    name,
    title,
    description,
    inputSchema,
    ...(isStructured(tool) && { outputSchema: withError(toJsonSchema(tool.output)) }),
    // what only reads harms nothing, and clients differ in what they take for granted
    annotations: { title, ...(annotations.readOnlyHint === true && harmless), ...annotations },
  };
  return {
    tool,
    listed,
    headerSchema: JSON.stringify(inputSchema).includes('"x-mcp-header"') ? inputSchema : undefined,
  };
}

type ObjectSchema = Record<string, unknown> & { readonly type: "object" };

function toJsonSchema(schema: z.ZodObject): ObjectSchema {
  // the side that the client sees: what it sends, and what it is sent
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => dropSelfEvident(jsonSchema),
  });
  // the dialect goes without saying, and there are clients that refuse to compile what names it
  return { ...(schema.meta()?.["$schema"] === $schema && { $schema }), ...json, type: "object" };
}

/** What a model reads at each beginning for nothing: that integers are safe ones, that names are texts, that values are anything. */
function dropSelfEvident(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (isEqual(schema.propertyNames, { type: "string" })) delete schema.propertyNames;
  if (isEqual(schema.additionalProperties, {})) delete schema.additionalProperties;
}

/**
 * Lets a tool that failed say so in its structured content: there are clients that hold the schema against the result
 * of a failed call as well.
 */
function withError({ properties, required = [], ...rest }: ObjectSchema): ObjectSchema {
  return {
    ...rest,
    properties: { ...(properties as object), error: { type: "object", description: "Why the call failed." } },
    anyOf: [{ required }, { required: ["error"] }],
  };
}
