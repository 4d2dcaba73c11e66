import type { Scope } from "@devmesh/auth";
import {
  type CacheHint,
  type McpRequestContext,
  McpServer,
  mergeCapabilities,
  type ServerCapabilities,
  type ServerContext,
  type ServerOptions,
} from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";
import type { Tool } from "../tools/tool.ts";
import { type CallToolDeps, createCallTool } from "./call-tool.ts";
import { callerOf, principalNow } from "./caller-of.ts";
import { createCatalogue } from "./catalogue.ts";
import { instructions } from "./instructions.ts";
import { createListTools } from "./list-tools.ts";
import type { ServerPart } from "./server-part.ts";

export interface ServerDeps extends Omit<CallToolDeps, "catalogue"> {
  /** The server's own, in the order in which they are listed. */
  readonly tools: readonly Tool[];
  /** What else the server offers. */
  readonly parts: readonly ServerPart[];
}

/** Makes the servers of an app. */
export interface ServerFactory {
  /**
   * A server for one request of the newer generation or one session of the older. The principal is in
   * `authInfo.extra.principal`.
   */
  create(context: McpRequestContext): McpServer;
  /** What the sender of a message needs, as far as the message alone says: nothing for what is not ours, or nonsense. */
  scopesOf(message: unknown): readonly Scope[];
}

const serverInfo = { name: "devmesh", title: "Devmesh", version: "1.0.0" };

/** For how long a client may keep what changes with a release only. Judgement. */
const staticHint: CacheHint = { ttlMs: 300_000, cacheScope: "private" };
/** What a listing of live things is worth. Judgement. */
const liveHint: CacheHint = { ttlMs: 5_000, cacheScope: "private" };

const cacheHints: NonNullable<ServerOptions["cacheHints"]> = {
  "server/discover": staticHint,
  "tools/list": liveHint,
  "prompts/list": staticHint,
  "resources/templates/list": staticHint,
  "resources/list": liveHint,
};

/** Works out once what all servers share: schemas, listing, capabilities. */
export function createServerFactory(deps: ServerDeps): ServerFactory {
  const { tools, parts } = deps;
  const catalogue = createCatalogue(tools);
  const listTools = createListTools(catalogue, deps.toolSource, deps.logger);
  const callTool = createCallTool({ ...deps, catalogue });
  const capabilities = parts.reduce<ServerCapabilities>((all, part) => mergeCapabilities(all, part.capabilities), {
    tools: { listChanged: true },
  });
  const options: ServerOptions = { capabilities, instructions, cacheHints };
  const { resources: _resources, prompts: _prompts, completions: _completions, ...ofTools } = capabilities;
  const toolsOptions: ServerOptions = { ...options, capabilities: ofTools };

  return {
    create(context) {
      const aboutTools = isAboutTools(context);
      const server = new McpServer(serverInfo, aboutTools ? toolsOptions : options);
      const caller = callerOf(server, context.authInfo, context.era);
      const callerNow = (ctx: ServerContext): Caller => ({ ...caller, principal: principalNow(caller, ctx) });
      if (!aboutTools) for (const part of parts) part.register(server, caller);
      server.server.setRequestHandler("tools/list", (request, ctx) =>
        listTools(callerNow(ctx), request.params?.cursor),
      );
      server.server.setRequestHandler("tools/call", (request, ctx) => callTool(request.params, callerNow(ctx), ctx));
      // asked by the SDK, to hold arguments against headers
      server.toolInputSchemaJson = catalogue.headerSchema;
      return server;
    },
    scopesOf(message) {
      if (!isRecord(message)) return [];
      const { method, params } = message;
      if (typeof method !== "string") return [];
      const given = isRecord(params) ? params : {};
      const { name } = given;
      if (method === "tools/call") return typeof name === "string" ? catalogue.scopesOf(name) : [];
      return parts.flatMap((part) => part.scopesOf?.(method, given) ?? []);
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** A server for one call of a tool needs nothing else; the header was held against the body before. */
function isAboutTools({ era, requestInfo }: McpRequestContext): boolean {
  return era === "modern" && requestInfo?.headers.get("mcp-method")?.startsWith("tools/") === true;
}
