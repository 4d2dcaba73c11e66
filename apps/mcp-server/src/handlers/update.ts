import { updateAgent } from "@devmesh/agents";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** AGENT_UPDATE. An agent that drains gives back what it has not accepted; any other may get tasks that fit it now. */
export async function update(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"AGENT_UPDATE">,
): Promise<void> {
  const { agentId } = assertRegistered(connection.state);
  const slot = { tenantId: connection.tenantId, agentId };
  const agent = await updateAgent(context.agents, slot, payload);
  if (payload.availability === "draining") {
    await context.engine.release(slot, { offeredOnly: true, reason: "the agent drains" });
  } else {
    context.engine.requestAssignment({ lanes: [], agents: [slot] });
  }
  connection.send("AGENT_REGISTERED", { re: payload.id, agent });
}
