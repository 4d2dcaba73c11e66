import type { AgentId, NodeId, TenantId } from "@devmesh/models";
import type { HeldConnection } from "./agent-store.ts";

/** The presence of processes that hold agents' connections. */
export interface NodeStore {
  /**
   * Begins or renews a node's lease; to be called once before its first connection. `lapsed`: the lease had ended, or
   * there was none, so that others may have dropped the node's connections: `reattach` them.
   */
  renew(nodeId: NodeId, leaseMs: number): Promise<{ readonly lapsed: boolean }>;
  /** Ends a node's presence at once; drops what connections it still has. */
  leave(nodeId: NodeId): Promise<void>;
  /** Drops the connections of nodes whose lease ended, and the nodes; tells which agents were dropped. Any node may. */
  dropDead(): Promise<readonly { readonly tenantId: TenantId; readonly agentId: AgentId }[]>;
  /** After a lapse: takes back those connections that nobody else has taken; gives the agents that are held now. */
  reattach(nodeId: NodeId, connections: readonly HeldConnection[]): Promise<readonly AgentId[]>;
}
