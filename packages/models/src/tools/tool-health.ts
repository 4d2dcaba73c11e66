import type { ErrorBody } from "../errors.ts";

/** What the mesh makes of a server: `unknown` until it was asked, `disabled` where nobody calls it. */
export const toolHealthStates = ["healthy", "unhealthy", "unknown", "disabled"] as const;
/** One of {@link toolHealthStates}. */
export type ToolHealthState = (typeof toolHealthStates)[number];

/** How the last look at a server went. */
export interface ToolCheck {
  readonly state: "healthy" | "unhealthy";
  readonly latencyMs: number;
  /** Why it is unhealthy. */
  readonly error?: Pick<ErrorBody, "code" | "reason" | "message">;
}

/** How a server does, as the answering process sees it. */
export interface ToolHealth {
  readonly state: ToolHealthState;
  /** Of the last look by any process. */
  readonly checkedAt?: string;
  readonly latencyMs?: number;
  readonly error?: Pick<ErrorBody, "code" | "reason" | "message">;
  /** Of this process: `open` refuses calls, `half_open` lets one through to see. */
  readonly breaker: "closed" | "open" | "half_open";
  /** When an open breaker lets one through. */
  readonly retryAfterMs?: number;
  /** Calls under way in this process, and those that wait for a place. */
  readonly inFlight: number;
  readonly waiting: number;
  /** This process holds a connection to it. */
  readonly isConnected: boolean;
}
