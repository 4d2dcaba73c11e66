import type { Principal } from "@devmesh/auth";

/** Which generation of the protocol a request belongs to: 2026-07-28 and later, or 2025-11-25 and earlier. */
export type Era = "modern" | "legacy";

/** Who calls, over which generation, and what its client can do. */
export interface Caller {
  readonly principal: Principal;
  readonly era: Era;
  /** What the client declared: in the request itself, or, in the older generation, when its session began. */
  readonly client: {
    /** It shows forms to a person. */
    readonly elicitsForms: boolean;
    /** It understands `io.modelcontextprotocol/tasks`. */
    readonly takesTasks: boolean;
  };
}
