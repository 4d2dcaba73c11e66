import type { AgentStore, NodeStore } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import { closeCodes } from "@devmesh/protocol";
import type { TaskEngine } from "@devmesh/tasks";
import { closeByMesh } from "../connections/close-by-mesh.ts";
import type { Connections } from "../connections/connections.ts";
import type { Delivery } from "../delivery/delivery.ts";
import { type LookAfterOptions, lookAfter } from "./look-after.ts";
import { type TakeBackOptions, takeBack } from "./node-lease.ts";

export interface MendDeps {
  readonly nodeId: NodeId;
  readonly nodes: NodeStore;
  readonly agents: Pick<AgentStore, "findNews">;
  readonly engine: Pick<TaskEngine, "requestAssignment">;
  readonly connections: Connections;
  readonly delivery: Pick<Delivery, "wake">;
}

/** How connections are taken back that others may have dropped: what came meanwhile is looked for. */
export function takingBack({ nodes, nodeId, delivery, engine }: MendDeps): TakeBackOptions & { store: NodeStore } {
  return {
    store: nodes,
    nodeId,
    onKept(connection) {
      const { state, tenantId } = connection;
      if (state.kind !== "registered") return;
      delivery.wake(connection);
      engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: state.agentId }] });
    },
    onLost: (connection) => closeByMesh(connection, closeCodes.replaced, "replaced"),
  };
}

/** One look at all connections of the node, and what follows from what it finds. */
export function mendConnections(deps: MendDeps): Promise<void> {
  const options: LookAfterOptions = {
    store: deps.agents,
    connections: () => deps.connections.all(),
    onDoubtful: (doubtful) => takeBack(doubtful, takingBack(deps)),
    onRevoked: (connection) => closeByMesh(connection, closeCodes.agentRevoked, "revoked"),
    onBehind: (connection) => deps.delivery.wake(connection),
  };
  return lookAfter(options);
}
