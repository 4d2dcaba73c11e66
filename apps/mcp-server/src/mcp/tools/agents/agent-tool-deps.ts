import type { AgentStore, PullStore } from "@devmesh/agents";
import type { ConnectionId, NewId, NodeId } from "@devmesh/models";
import type { TaskEngine } from "@devmesh/tasks";
import type { ActingDeps } from "../acting.ts";

/** What the tools of agents work on. */
export interface AgentToolDeps extends ActingDeps {
  readonly agents: AgentStore;
  readonly pull: PullStore;
  readonly engine: Pick<TaskEngine, "release" | "requestAssignment">;
  /** Closes a connection of any node. Never waits. */
  readonly closeConnection: (nodeId: NodeId, connectionId: ConnectionId, code: number, reason: string) => void;
  readonly newId: NewId;
}
