import type { HintSender } from "@devmesh/adapters";
import type { MailReceiver } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import type { EngineHints } from "@devmesh/tasks";

/** Tells the nodes of agents that something waits for them; those of agents without a node are told nobody. */
export type TellNodes = (agents: readonly MailReceiver[]) => void;

/** Takes the short way for this node's own agents: they need not be told over the network. */
export function createTellNodes(
  hints: Pick<HintSender, "assigned">,
  nodeId: NodeId,
  deliver: (agents: readonly MailReceiver[]) => void,
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
