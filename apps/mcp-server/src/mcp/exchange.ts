import type { Principal } from "@devmesh/auth";
import type { AuthInfo } from "@modelcontextprotocol/server";

/** One request of `/mcp` that was let in. */
export interface Exchange {
  readonly request: Request;
  /** The body as JSON; undefined for what has none: GET and DELETE. */
  readonly message: unknown;
  readonly principal: Principal;
  readonly credential: string;
  /** The principal in the SDK's shape. */
  readonly authInfo: AuthInfo;
}
