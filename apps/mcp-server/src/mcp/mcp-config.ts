import type { SessionBounds } from "@devmesh/adapters";
import type { RateLimit, Secret } from "@devmesh/runtime";
import type { StreamLimits } from "./http/open-streams.ts";

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
  /** Requests of one key, or of one address without a good one; undefined where it is off. */
  readonly rateLimit: RateLimit | undefined;
  /** Responses that are open for news. */
  readonly streams: StreamLimits;
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
