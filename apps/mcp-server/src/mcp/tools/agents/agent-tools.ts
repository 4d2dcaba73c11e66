import type { AgentStore, PullStore } from "@devmesh/agents";
import type { ConnectionId, NewId, NodeId } from "@devmesh/models";
import type { TaskEngine } from "@devmesh/tasks";
import type { ActingDeps } from "../acting.ts";
import type { Tool } from "../tool.ts";
import { agentDeregister } from "./agent-deregister.ts";
import { agentHeartbeat } from "./agent-heartbeat.ts";
import { agentList } from "./agent-list.ts";
import { agentRegister } from "./agent-register.ts";
import { agentUpdate } from "./agent-update.ts";

/** What the tools of agents work on. */
export interface AgentToolDeps extends ActingDeps {
  readonly agents: AgentStore;
  readonly pull: PullStore;
  readonly engine: Pick<TaskEngine, "release" | "requestAssignment">;
  /** Closes a connection of any node. Never waits. */
  readonly closeConnection: (nodeId: NodeId, connectionId: ConnectionId, code: number, reason: string) => void;
  readonly newId: NewId;
}

/** The tools by which an agent says that it is there, and finds others. */
export function agentTools(deps: AgentToolDeps): readonly Tool[] {
  return [agentRegister(deps), agentHeartbeat(deps), agentUpdate(deps), agentList(deps), agentDeregister(deps)];
}
