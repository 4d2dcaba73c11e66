import type { NodeId } from "@devmesh/models";
import type { EngineHints } from "@devmesh/tasks";

/** Takes the short way for assignments of this node's own agents: they need not be told over the network. */
export function withLocalDelivery(
  hints: EngineHints,
  nodeId: NodeId,
  deliver: (agents: Parameters<EngineHints["mailed"]>[0]) => void,
): EngineHints {
  return {
    ...hints,
    assigned(slots) {
      deliver(slots.filter((slot) => slot.nodeId === nodeId));
      hints.assigned(slots.filter((slot) => slot.nodeId !== nodeId));
    },
  };
}
