import type { Scope } from "@devmesh/auth";
import type { SignedIn } from "../../http/sign-in.ts";
import type { Era } from "../caller.ts";

/** A request of `/mcp`, and what is found out about it on its way to an answer. */
export interface Incoming {
  /** Where a client without a credential learns how to get one. */
  readonly metadataUrl: string;
  signedIn?: SignedIn;
  /** Stays undefined where there is no body. */
  message?: unknown;
  era?: Era;
  /** What the sender of this message needs. */
  needed?: readonly Scope[];
}

/** What the handlers of `/mcp` hand one another. */
export interface McpEnv {
  readonly Variables: {
    readonly incoming: Incoming;
    /** Where the SDK's app puts the body, and looks whether it was read: never undefined behind the door. */
    readonly parsedBody: unknown;
  };
}
