import type { Authenticator } from "@devmesh/auth";
import type { Logger, Metrics } from "@devmesh/observability";
import type { Secret } from "@devmesh/runtime";
import { createMcpHandler } from "@modelcontextprotocol/server";
import type { Hono } from "hono";
import { composeServer } from "./compose-server.ts";
import { mountMcp } from "./http/mount-mcp.ts";
import { openSessions } from "./sessions/open-sessions.ts";
import type { McpTasksDeps } from "./tasks/open-tasks.ts";
import { type OpenResourcesOptions, openResources } from "./resources/open-resources.ts";
import type { MemoryToolDeps } from "./tools/memory/memory-tools.ts";
import type { MeshToolDeps } from "./tools/mesh-tools.ts";

/** How `/mcp` is served. */
export interface McpHttpConfig {
  /** What the listener is bound to: at a loopback address, hosts and origins of this machine are allowed by themselves. */
  readonly host: string;
  /** The origin under which clients reach this server, where a proxy stands in between. */
  readonly publicUrl: string | undefined;
  /** Further names that requests may give in `Host`, without ports. */
  readonly allowedHosts: readonly string[];
  /** Further origins, whole (`https://host:port`), of pages that may call. */
  readonly allowedOrigins: readonly string[];
}

/** What `/mcp` offers. */
export interface McpServerConfig {
  /** Signs what clients keep between the rounds of a request; the same on every node. */
  readonly stateSecret: Secret;
  /** Holds what tools answer against their schemas. */
  readonly checksOutput: boolean;
  /** Offers what the conformance suite expects, too. */
  readonly conformanceFixtures: boolean;
}

/** What the MCP server's parts work on. */
export type McpDeps = MeshToolDeps & Omit<McpTasksDeps, "kinds"> & McpEnvironment;

interface McpEnvironment {
  readonly config: McpHttpConfig & McpServerConfig;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** `/mcp` and what belongs to it, to be mounted on the node's listener. */
export interface Mcp extends AsyncDisposable {
  readonly app: Hono;
}

/** Opens the MCP server of a node, both generations of the protocol. Disposal ends its streams and sessions. */
export async function openMcp(deps: McpDeps): Promise<Mcp> {
  const { config } = deps;
  const isOther = (uri: string): boolean => config.conformanceFixtures && !uri.startsWith("devmesh:");
  const resources = await openResources({ ...deps, isOther });
  const servers = await composeServer(deps, resources);
  const createServer = servers.create;
  const modern = createMcpHandler(createServer, {
    legacy: "reject",
    onerror: (err) => deps.logger.debug({ err }, "mcp request refused"),
  });
  const sessions = openSessions({ createServer });
  return {
    app: mountMcp({ ...deps, modern, sessions }),
    [Symbol.asyncDispose]: async () => {
      await servers.tasks[Symbol.asyncDispose]();
      await resources[Symbol.asyncDispose]();
      await sessions[Symbol.asyncDispose]();
      await modern.close();
    },
  };
}
