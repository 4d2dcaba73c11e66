import type { Principal } from "@devmesh/auth";
import type { Tool as ListedTool } from "@modelcontextprotocol/server";
import type { Tool } from "./tool.ts";

export type { ListedTool };

/** Where tools come from that are not the server's own: those of other servers. */
export interface ToolSource {
  /** As `tools/list` shows them, in a stable order; only what the principal may call. */
  list(principal: Principal): Promise<readonly ListedTool[]>;
  /** Undefined where the principal has no such tool. */
  find(principal: Principal, name: string): Promise<Tool | undefined>;
}

/** A source without a tool. */
export const noTools: ToolSource = { list: async () => [], find: async () => undefined };
