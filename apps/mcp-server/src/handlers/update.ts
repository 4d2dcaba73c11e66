import type { PayloadOf } from "@devmesh/protocol";
import { changeAgent } from "../agents/change-agent.ts";
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
  const agent = await changeAgent(context, { tenantId: connection.tenantId, agentId }, payload);
  connection.send("AGENT_REGISTERED", { re: payload.id, agent });
}
