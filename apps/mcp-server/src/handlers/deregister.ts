import { AppError } from "@devmesh/models";
import { closeCodes, type PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertRegistered } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** AGENT_DEREGISTER: the agent ends, what it holds goes back to the queue, and the connection closes. */
export async function deregister(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"AGENT_DEREGISTER">,
): Promise<void> {
  const { agentId, agentName } = assertRegistered(connection.state);
  const { tenantId } = connection;
  // first it gets nothing new, then it gives back what it has
  const agent = await context.agents.deregister(tenantId, agentId);
  if (agent === undefined) throw new AppError("not_found", `no agent ${JSON.stringify(agentName)}`);
  await context.engine.release({ tenantId, agentId }, { offeredOnly: false, reason: "the agent was deregistered" });
  connection.send("GOODBYE", { re: payload.id, reason: "deregistered" });
  connection.close(closeCodes.normal, "deregistered");
}
