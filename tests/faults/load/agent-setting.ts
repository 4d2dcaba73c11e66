import type { Observation } from "./observation.ts";

/** One agent of a process. */
export interface AgentSetting {
  readonly name: string;
  /** By socket, or by MCP. */
  readonly delivery: "push" | "pull";
  /** Each node's, `http:`; its own first. */
  readonly urls: readonly string[];
  readonly concurrency: number;
  /** Does the tasks that the others reject. */
  readonly isVersatile: boolean;
}

/** What an agent of a process works with. */
export interface AgentDeps {
  readonly apiKey: string;
  readonly observe: (observation: Observation) => void;
  /** Ends the agent. */
  readonly signal: AbortSignal;
}
