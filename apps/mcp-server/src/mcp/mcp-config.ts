import type { SessionBounds } from "@devmesh/adapters";
import type { Secret } from "@devmesh/runtime";
import type { DoorConfig } from "../http/open-door.ts";

/** How `/mcp` is served. */
export interface McpHttpConfig extends DoorConfig {
  /** Of the older generation; a node holds the servers of `maxLive` of them. */
  readonly sessions: SessionBounds & { readonly maxLive: number };
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
