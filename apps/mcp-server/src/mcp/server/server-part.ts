import type { Scope } from "@devmesh/auth";
import type { McpServer, Resource, ServerCapabilities } from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";

/** A part of what the MCP server offers beside tools: resources, prompts, skills, an extension. */
export interface ServerPart {
  readonly capabilities: ServerCapabilities;
  /** What {@link register} registers by fixed URIs, as `resources/list` shows it. */
  readonly resources?: readonly Resource[];
  /** What the sender of a request needs, as far as the request alone says. */
  scopesOf?(method: string, params: Readonly<Record<string, unknown>>): readonly Scope[];
  /** Registers the part with the server of one request, or of one session of the older generation. Must be cheap. */
  register(server: McpServer, caller: Caller): void;
}
