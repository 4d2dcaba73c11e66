import type { HintSender } from "@devmesh/adapters";
import type { MailReceiver } from "@devmesh/agents";
import type { AgentId, NodeId, TakenSlot } from "@devmesh/models";
import type { EngineHints } from "@devmesh/tasks";
import type { AssignFrame } from "../stores.ts";

/** Tells the nodes of agents that something waits for them; those of agents without a node are told nobody. */
export type TellNodes = (agents: readonly (MailReceiver | TakenSlot)[]) => void;

/** An agent for which something waits: with all that TASK_ASSIGN needs, or only that it does. */
export type Awaiting =
  | { readonly agentId: AgentId }
  | Pick<TakenSlot, "tenantId" | "agentId" | "assignmentId" | "seq" | "offer">;

/** Takes the short way for this node's own agents: they need not be told over the network. */
export function createTellNodes(
  hints: Pick<HintSender, "assigned">,
  nodeId: NodeId,
  deliver: (agents: readonly Awaiting[]) => void,
): TellNodes {
  return (agents) => {
    deliver(agents.filter((agent) => agent.nodeId === nodeId));
    hints.assigned(agents.filter((agent) => agent.nodeId !== nodeId));
  };
}

/** The same hints, but that assignments are told by `tellNodes`. */
export function withLocalDelivery(hints: EngineHints, tellNodes: TellNodes): EngineHints {
  return { ...hints, assigned: tellNodes };
}

/** The frame of an assignment that came with its offer. */
export function toAssignFrame(awaiting: Awaiting): AssignFrame | undefined {
  if (!("offer" in awaiting) || awaiting.offer === undefined) return undefined;
  const { tenantId, agentId, seq, assignmentId, offer } = awaiting;
  return { tenantId, agentId, seq, kind: "assign", assignmentId, ...offer };
}
