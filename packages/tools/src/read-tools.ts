import { createHash } from "node:crypto";
import {
  AppError,
  cleanText,
  type ExternalTool,
  externalToolSchema,
  hidesText,
  maxServerTools,
  maxServerToolsBytes,
  type TenantId,
  utf8Bytes,
} from "@devmesh/models";
import { toolCallName } from "./names.ts";
import type { LeftOutTool, SchemaChecker, ToolListing } from "./ports.ts";
import { cleanSchema, nestsTooDeep, refersElsewhere, toCheckableSchema } from "./tool-schema.ts";

/** More of them tell nothing new. */
const maxLeftOut = 50;
const maxNameLength = 128;
const maxTitleLength = 200;
const maxDescriptionLength = 4_096;
const maxReasonLength = 200;

/** What reading a list stands on. */
export interface ReadToolsOptions {
  readonly server: string;
  readonly schemas: SchemaChecker;
  readonly tenantId: TenantId;
  /** Hashes of schemas that compiled before: they aren't compiled again. Added to. */
  readonly known: Set<string>;
  /** How long schemas are compiled; those that there is no time for are kept as they are. Default 30 s. */
  readonly maxCheckMs?: number;
}

const defaultMaxCheckMs = 30_000;

/**
 * Reads a server's list: what can't be understood, is too large, or has a schema that is none is left out, and the rest is
 * kept without what is hidden in its texts, by name. One bad tool costs the others nothing.
 */
export async function readTools(raw: readonly unknown[], options: ReadToolsOptions): Promise<ToolListing> {
  const tools = new Map<string, ExternalTool>();
  const leftOut: LeftOutTool[] = [];
  const checkUntil = performance.now() + (options.maxCheckMs ?? defaultMaxCheckMs);
  let bytes = 0;
  for (const [at, entry] of raw.entries()) {
    const tool = readTool(entry);
    const name = nameOf(entry, at);
    const reason = typeof tool === "string" ? tool : await findFault(tool, { tools, bytes, checkUntil, ...options });
    if (typeof tool === "string" || reason !== undefined) {
      if (leftOut.length < maxLeftOut) leftOut.push({ name, reason: cleanText(reason ?? "", maxReasonLength) });
      continue;
    }
    bytes += utf8Bytes(JSON.stringify(tool));
    tools.set(toolCallName(options.server, tool.name), tool);
  }
  return { tools: [...tools.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), leftOut };
}

/** The tool, or why it is none. */
function readTool(entry: unknown): ExternalTool | string {
  if (nestsTooDeep(entry)) return "nests too deep";
  const parsed = externalToolSchema.safeParse(entry);
  if (parsed.success) return cleanTool(parsed.data);
  const issue = parsed.error.issues[0];
  return issue === undefined ? "not a tool" : `${issue.path.join(".")}: ${issue.message}`;
}

function cleanTool(tool: ExternalTool): ExternalTool {
  const { title, description, annotations, inputSchema, outputSchema } = tool;
  // how long they are, the schema as a whole bounds
  const clean = (text: string): string => cleanText(text, text.length);
  return {
    ...tool,
    inputSchema: cleanSchema(inputSchema, clean),
    ...(outputSchema && { outputSchema: cleanSchema(outputSchema, clean) }),
    ...(title !== undefined && { title: cleanText(title, maxTitleLength) }),
    ...(description !== undefined && { description: cleanText(description, maxDescriptionLength) }),
    ...(annotations?.title !== undefined && {
      annotations: { ...annotations, title: cleanText(annotations.title, maxTitleLength) },
    }),
  };
}

interface Kept extends ReadToolsOptions {
  readonly tools: ReadonlyMap<string, ExternalTool>;
  readonly bytes: number;
  readonly checkUntil: number;
}

async function findFault(tool: ExternalTool, kept: Kept): Promise<string | undefined> {
  if (kept.tools.size >= maxServerTools) return `more than ${maxServerTools} tools`;
  if (kept.bytes + utf8Bytes(JSON.stringify(tool)) > maxServerToolsBytes) {
    return `all tools together exceed ${maxServerToolsBytes} bytes`;
  }
  if (kept.tools.has(toolCallName(kept.server, tool.name))) return "another tool has this name already";
  return (
    (await findUnusable(tool.inputSchema, kept)) ?? (tool.outputSchema && (await findUnusable(tool.outputSchema, kept)))
  );
}

async function findUnusable(
  schema: Readonly<Record<string, unknown>>,
  { schemas, tenantId, known, checkUntil }: Kept,
): Promise<string | undefined> {
  if (refersElsewhere(schema)) return "schema refers to another document";
  const checkable = toCheckableSchema(schema);
  const text = JSON.stringify(checkable);
  // its texts are clean by now: what is left would be shown to models
  if (hidesText(text)) return "schema hides characters in its names or values";
  const hash = createHash("sha256").update(text).digest("base64");
  if (known.has(hash) || performance.now() > checkUntil) return undefined;
  try {
    await schemas.check(checkable, "schema", tenantId);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // a checker that has no time says nothing about the schema: each call is checked anyway
    return error.code === "invalid_argument" ? error.message : undefined;
  }
  known.add(hash);
  return undefined;
}

function nameOf(entry: unknown, at: number): string {
  const name = typeof entry === "object" && entry !== null && "name" in entry ? entry.name : undefined;
  return typeof name === "string" && name !== "" ? cleanText(name, maxNameLength) : `[${at}]`;
}
