import type { FanOut, Hints, Presence, SessionStore } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import type { Door } from "../http/open-door.ts";
import type { GatewayConfig, GatewayDeps } from "./gateway/open-gateway.ts";
import type { McpHttpConfig, McpServerConfig } from "./mcp-config.ts";
import type { PromptDeps } from "./prompts/prompts-part.ts";
import type { OpenResourcesOptions } from "./resources/open-resources.ts";
import type { McpTasksDeps } from "./tasks/open-tasks.ts";
import type { MemoryToolDeps } from "./tools/memory/memory-tool-deps.ts";
import type { MeshToolDeps } from "./tools/mesh-tools.ts";

/** What the MCP server's parts work on. */
export type McpDeps = MeshToolDeps &
  MemoryToolDeps &
  PromptDeps &
  Omit<McpTasksDeps, "kinds"> &
  Omit<GatewayDeps, "config"> &
  Omit<OpenResourcesOptions, "isOther"> &
  McpEnvironment;

interface McpEnvironment {
  readonly config: McpHttpConfig & McpServerConfig & GatewayConfig;
  readonly nodeId: NodeId;
  readonly door: Door;
  readonly fanOut: FanOut;
  readonly hints: Hints;
  readonly presence?: Presence | undefined;
  /** Where sessions of the older generation are kept; by this node alone, unless given. */
  readonly sessions?: SessionStore | undefined;
  /** Milliseconds, rising. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
