import { registerAgent } from "@devmesh/agents";
import { AppError, toAppError } from "@devmesh/models";
import { closeCodes, type PayloadOf } from "@devmesh/protocol";
import { closeByMesh } from "../connections/close-by-mesh.ts";
import type { Connection } from "../connections/connection.ts";
import { assertWelcomed } from "../connections/connection-state.ts";
import type { ServerContext } from "../server-context.ts";

/** AGENT_REGISTER: makes the agent that HELLO named, or updates it. */
export async function register(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"AGENT_REGISTER">,
): Promise<void> {
  const { agentName } = assertWelcomed(connection.state);
  assertSameName(payload.name, agentName);
  const { tenantId, id: connectionId } = connection;
  const agent = await registerAgent(
    { store: context.agents, newId: context.newId },
    { tenantId, delivery: "push", connection: { connectionId, nodeId: context.nodeId }, onlyName: agentName },
    payload,
  ).catch((error: unknown) => {
    closeIfReplaced(connection, { error, re: payload.id });
    throw error;
  });
  if (connection.isClosed) {
    await context.agents.detach([{ tenantId, agentId: agent.id, connectionId, unreachable: false }]);
    return;
  }
  connection.state = { kind: "registered", agentName, agentId: agent.id };
  context.connections.register(connection, agent.id);
  connection.send("AGENT_REGISTERED", { re: payload.id, agent });
  context.delivery.wake(connection);
  context.engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: agent.id }] });
}

function assertSameName(name: string, agentName: string): void {
  if (name === agentName) return;
  const message = `must be ${agentName}, the name that HELLO gave`;
  throw new AppError("invalid_argument", `name: ${message}`, { details: [{ path: "name", message }] });
}

/** A newer connection holds the agent already: this one is over. */
function closeIfReplaced(
  connection: Connection,
  { error, re }: { readonly error: unknown; readonly re: string },
): void {
  const known = toAppError(error);
  if (known.code !== "conflict" || known.reason !== "replaced" || connection.isClosed) return;
  connection.sendError(known, { re });
  closeByMesh(connection, closeCodes.replaced, "replaced");
}
