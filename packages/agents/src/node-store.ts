import type { AgentId, NodeId, TenantId } from "@devmesh/models";
import type { HeldConnection } from "./agent-store.ts";

/** An agent that counts as disconnected from now on; what it works on stays its own until the lease ends. */
export interface DroppedAgent {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly nodeId: NodeId;
}

/** How the nodes are. */
export interface NodeSurvey {
  /** Those whose lease is valid. */
  readonly alive: readonly NodeId[];
  /** There is something for `dropDead`. */
  readonly hasDead: boolean;
  /** There is something for `endPresences`. */
  readonly hasLapsed: boolean;
  /** When the first of the leases ends, unless it is renewed; undefined where there is none. */
  readonly nextEndInMs: number | undefined;
}

/** What was dropped; a node without a row that connections still name is not among `nodes`. */
export interface DroppedNodes {
  readonly nodes: readonly NodeId[];
  readonly agents: readonly DroppedAgent[];
}

/** The presence of processes that hold agents' connections. */
export interface NodeStore {
  /**
   * Begins or renews a node's lease; to be called once before its first connection. `lapsed`: the lease had ended, or
   * there was none, so that others may have dropped the node's connections: `reattach` them. `now` is the database's.
   */
  renew(nodeId: NodeId, leaseMs: number): Promise<{ readonly lapsed: boolean; readonly now: Date }>;
  /** Ends a node's presence at once; drops what connections it still has. */
  leave(nodeId: NodeId): Promise<void>;
  survey(): Promise<NodeSurvey>;
  /**
   * Drops the connections of nodes whose lease ended, and the nodes. Of those under `suspects` two thirds of a lease
   * without a renewal are enough. Any process may.
   */
  dropDead(suspects: readonly NodeId[]): Promise<DroppedNodes>;
  /**
   * Notes that presences of agents that claim have ended, at most a thousand, and gives how many: each is told once, by
   * whichever process notes it, or by the agent's next sign of life.
   */
  endPresences(): Promise<number>;
  /** After a lapse: takes back those connections that nobody else has taken; gives the agents that are held now. */
  reattach(nodeId: NodeId, connections: readonly HeldConnection[]): Promise<readonly AgentId[]>;
}
