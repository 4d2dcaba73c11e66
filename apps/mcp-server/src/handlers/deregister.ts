import { closeCodes, type PayloadOf } from "@devmesh/protocol";
import { endAgent } from "../agents/end-agent.ts";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** AGENT_DEREGISTER: the agent ends, what it holds goes back to the queue, and the connection closes. */
export async function deregister(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"AGENT_DEREGISTER">,
): Promise<void> {
  const { agentId } = assertRegistered(connection.state);
  await endAgent(context, { tenantId: connection.tenantId, agentId });
  connection.send("GOODBYE", { re: payload.id, reason: "deregistered" });
  connection.close(closeCodes.normal, "deregistered");
}
