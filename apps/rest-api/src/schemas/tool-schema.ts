import { scopes } from "@devmesh/auth";
import {
  errorCodes,
  newToolServerSchema as newToolServer,
  toolDoors,
  toolHealthStates,
  toolServerUpdateSchema as toolServerUpdate,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });
const exampleId = "019ad9b5-6c00-7000-8000-000000000061";
const exampleTime = "2026-11-30T00:00:00.000Z";
const wantedScopes = z
  .array(z.enum(scopes))
  .max(10)
  .refine((list) => new Set(list).size === list.length, "names a scope twice")
  .meta({ description: "A caller needs these beside `tools:execute`." });

/** An id in a path. What is no id names nothing, and is answered as `not_found`. */
export const toolParams = z.object({
  id: z.string().openapi({ description: "The server's id.", example: exampleId }),
});

/** What `POST /tools` takes. */
export const newToolServerSchema = newToolServer
  .extend({ scopes: wantedScopes.default([]) })
  .meta({ id: "NewToolServer", description: "An external MCP server, as it is registered." });
/** What `PATCH /tools/{id}` takes. */
export const toolServerUpdateSchema = toolServerUpdate
  .extend({ scopes: wantedScopes.optional() })
  .meta({ id: "ToolServerUpdate", description: "What is absent stays. A transport is given whole." });

/** What `POST /tools/{id}/execute` takes. */
export const toolCallSchema = z
  .strictObject({
    tool: z.string().min(1).max(128).meta({ description: "The tool's name at its server, or its `callName`." }),
    arguments: z.unknown().optional().meta({ type: "object", description: "As the tool's input schema says." }),
    timeoutMs: z.int().min(1).optional().meta({ description: "At most the server's, which it is where it is absent." }),
  })
  .meta({ id: "ToolCall" });

const valueSchema = z.union([z.string(), z.object({ isSecret: z.literal(true) })]);
const transportSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("stdio"),
    command: z.string(),
    args: z.array(z.string()),
    env: z.record(z.string(), valueSchema),
  }),
  z.object({ kind: z.literal("http"), url: z.string(), headers: z.record(z.string(), valueSchema) }),
]);

const errorSchema = z.object({ code: z.enum(errorCodes), reason: z.string().optional(), message: z.string() });
const namesSchema = {
  name: z.string().meta({ description: "At its server." }),
  callName: z.string().meta({ description: "At the mesh: `server__tool`." }),
  title: z.string().optional(),
};

/** For the document: a tool in a list. */
export const toolSummarySchema = z
  .object({ ...namesSchema, description: z.string().optional().meta({ description: "Its first 200 characters." }) })
  .meta({ id: "ToolSummary", description: "What a server says of a tool of its own: data, that nobody vouches for." });
/** For the document: {@link import("@devmesh/models").ExternalTool}. */
export const externalToolSchema = z
  .object({
    ...namesSchema,
    description: z.string().optional(),
    inputSchema: z.looseObject({ type: z.literal("object") }),
    outputSchema: z.looseObject({ type: z.literal("object") }).optional(),
    annotations: z.looseObject({}).optional().meta({ description: "Hints." }),
  })
  .meta({ id: "ExternalTool", description: "A tool as its server describes it: data, that nobody vouches for." });

const serverShape = {
  id: z.uuid(),
  name: z.string(),
  title: z.string().optional(),
  transport: transportSchema.optional().meta({ description: "For admins; of a secret only that it is one." }),
  timeoutMs: z.int(),
  maxConcurrency: z.int(),
  scopes: z.array(z.string()),
  enabled: z.boolean(),
  version: z.int().min(1),
  health: z.enum(toolHealthStates),
  toolCount: z.int().min(0),
  toolsSeenAt: timeSchema.optional().meta({ description: "When its tools were last asked for; absent until then." }),
  createdAt: timeSchema,
  updatedAt: timeSchema,
};
/** For the document: a server in a list. */
export const listedToolServerSchema = z
  .object({ ...serverShape, tools: z.array(toolSummarySchema) })
  .meta({ id: "ListedToolServer" });
/** For the document: {@link import("@devmesh/models").ToolServer}. */
export const toolServerSchema = z
  .object({ ...serverShape, tools: z.array(externalToolSchema) })
  .meta({ id: "ToolServer", description: "An external MCP server, with its tools as they were last seen." });

/** For the document: {@link import("@devmesh/models").ToolHealth}. */
export const toolHealthSchema = z
  .object({
    state: z.enum(toolHealthStates).meta({ description: "Of the last look, by any process of the mesh." }),
    checkedAt: timeSchema.optional(),
    latencyMs: z.int().min(0).optional(),
    error: errorSchema.optional(),
    breaker: z.enum(["closed", "open", "half_open"]).meta({ description: "Of the process that answers." }),
    retryAfterMs: z.int().min(0).optional().meta({ description: "When an open breaker lets a call through." }),
    inFlight: z.int().min(0).meta({ description: "Calls under way in the process that answers." }),
    waiting: z.int().min(0).meta({ description: "Calls that wait for a place there." }),
    isConnected: z.boolean().meta({ description: "It holds a connection to the server." }),
  })
  .meta({ id: "ToolHealth" });

/** For the document: what `POST /tools/{id}/refresh` answers. */
export const toolLookSchema = z
  .object({
    check: z.object({
      state: z.enum(["healthy", "unhealthy"]),
      latencyMs: z.int().min(0),
      error: errorSchema.optional(),
    }),
    toolCount: z.int().min(0).optional().meta({ description: "Absent where the server gave no list." }),
    leftOut: z
      .array(z.object({ name: z.string(), reason: z.string() }))
      .meta({ description: "Tools that are not offered, at most 50, and why." }),
  })
  .meta({ id: "ToolLook" });

/** For the document: {@link import("@devmesh/models").ToolResult}. */
export const toolResultSchema = z
  .object({
    content: z.array(z.looseObject({ type: z.enum(["text", "image", "audio", "resource", "resource_link"]) })),
    structuredContent: z.unknown().optional(),
    isError: z.boolean().meta({ description: "The tool was called, and says that it failed." }),
  })
  .meta({ id: "ToolResult", description: "What the tool gave: data, that nobody vouches for." });

/** For the document: {@link import("@devmesh/models").ToolCallRecord}. */
export const toolCallRecordSchema = z
  .object({
    id: z.uuid(),
    serverId: z.uuid(),
    tool: z.string(),
    principalId: z.uuid().meta({ description: "The key that called." }),
    door: z.enum(toolDoors),
    outcome: z.string().meta({ description: "`ok`, `tool_error`, or the code of the error." }),
    reason: z.string().optional(),
    durationMs: z.int().min(0),
    argumentBytes: z.int().min(0),
    argumentsSha256: z.string().optional().meta({
      description: "Of the canonical JSON (RFC 8785), in hex: tells equal calls. Absent where they were refused.",
    }),
    resultBytes: z.int().min(0),
    taskId: z.uuid().optional(),
    traceparent: z.string().optional(),
    at: timeSchema,
  })
  .meta({ id: "ToolCallRecord", description: "Neither arguments nor results are kept." });

export const newToolServerExample = {
  name: "files",
  transport: {
    kind: "stdio",
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv/shared"],
    env: { LOG_LEVEL: "info", API_TOKEN: { secret: "given once, and never shown" } },
  },
};
const { transport } = newToolServerExample;
const exampleServer = {
  id: exampleId,
  name: "files",
  transport: { ...transport, env: { LOG_LEVEL: "info", API_TOKEN: { isSecret: true } } },
  ...{ timeoutMs: 30_000, maxConcurrency: 4, scopes: [], enabled: true, version: 1, health: "healthy" },
  ...{ toolCount: 1, toolsSeenAt: exampleTime, createdAt: exampleTime, updatedAt: exampleTime },
};
const exampleTool = { name: "read_file", callName: "files__read_file", description: "Reads a file." };
export const listedToolServerExample = { ...exampleServer, tools: [exampleTool] };
export const toolServerExample = {
  ...exampleServer,
  tools: [{ ...exampleTool, inputSchema: { type: "object", properties: { path: { type: "string" } } } }],
};
export const registeredToolServerExample = { ...exampleServer, health: "unknown", toolCount: 0, tools: [] };
export const toolHealthExample = {
  ...{ state: "healthy", checkedAt: exampleTime, latencyMs: 12 },
  ...{ breaker: "closed", inFlight: 1, waiting: 0, isConnected: true },
};
export const toolLookExample = {
  check: { state: "healthy", latencyMs: 12 },
  toolCount: 1,
  leftOut: [{ name: "read file", reason: "name: may hold letters, digits and _ . - only" }],
};
export const toolCallExample = { tool: "read_file", arguments: { path: "readme.md" } };
export const toolResultExample = { content: [{ type: "text", text: "# Read me" }], isError: false };
export const toolCallRecordExample = {
  ...{ id: "019ad9b5-6c00-7000-8000-000000000062", serverId: exampleId, tool: "read_file" },
  ...{ principalId: "019ad9b5-6c00-7000-8000-0000000000f1", door: "mcp", outcome: "ok" },
  ...{ durationMs: 48, argumentBytes: 20, resultBytes: 312, at: exampleTime },
};
