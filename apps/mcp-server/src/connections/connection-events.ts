import { closeCodes } from "@devmesh/protocol";
import { dispatch } from "../handlers/dispatch.ts";
import type { Touch } from "../node/touch.ts";
import type { ServerContext } from "../server-context.ts";
import { gatherTurn } from "../turn.ts";
import type { ConnectionEvents } from "./connection.ts";
import type { Outbound } from "./outbound.ts";

/** What a node does about its connections' events; `traffic`, which counts them, is added by the caller. */
export function createConnectionEvents(context: ServerContext, touch: Touch): Omit<ConnectionEvents, "traffic"> {
  const { agents, engine, logger } = context;
  return {
    onFrame: (connection, frame) => dispatch(context, connection, frame),
    onOver: (connection, code) => {
      context.connections.remove(connection);
      touch.leave(connection, code === closeCodes.dead);
    },
    onSlow(connection, isSlow) {
      const { state, tenantId, id } = connection;
      if (state.kind !== "registered") return;
      const { agentId } = state;
      agents
        .setSlow(tenantId, agentId, id, isSlow)
        .then(() => {
          if (!isSlow) engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId }] });
        })
        .catch((err: unknown) => logger.warn({ ...connection.fields, err }, "a slow reader could not be noted"));
      if (!isSlow) context.delivery.wake(connection);
    },
    requestFlush: gatherTurn<Outbound>((outbounds) => {
      for (const outbound of outbounds) outbound.flush();
    }),
  };
}
