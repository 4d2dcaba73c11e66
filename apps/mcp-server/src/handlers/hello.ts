import type { AttachResult, SortedHolding } from "@devmesh/agents";
import { AppError, assertNotReserved, toAppError } from "@devmesh/models";
import { closeCodes, MAX_MESSAGE_BYTES, type PayloadOf } from "@devmesh/protocol";
import { closeByMesh } from "../connections/close-by-mesh.ts";
import type { Connection } from "../connections/connection.ts";
import { assertMayGreet } from "../connections/connection-state.ts";
import { maxInFlight } from "../limits.ts";
import type { ServerContext } from "../server-context.ts";

type Hello = PayloadOf<"HELLO">;
type Attached = Extract<AttachResult, { readonly ahead?: never }>;

/** HELLO: says which agent this is, takes it over from an older connection, and gives it what it has not acknowledged. */
export async function greet(context: ServerContext, connection: Connection, hello: Hello): Promise<void> {
  assertMayGreet(connection.state);
  assertOwnName(connection, hello.agentName);
  connection.state = { kind: "greeting" };
  const attached = await attach(context, connection, hello);
  if (connection.isClosed) {
    await leave(context, connection, attached);
    return;
  }
  if (attached === undefined) {
    takeName(context, connection, hello.agentName);
    connection.state = { kind: "greeted", agentName: hello.agentName };
    welcome(context, connection, { re: hello.id, holding: { keep: [], recorded: [], drop: hello.holding ?? [] } });
    return;
  }
  takeAgent(context, connection, attached);
  if (attached.agent.admin === "revoked") refuseRevoked(connection, hello.id);
  else await resume(context, connection, hello);
}

function assertOwnName({ principal }: Connection, agentName: string): void {
  assertNotReserved(agentName);
  if (principal.agentName === undefined || principal.agentName === agentName) return;
  throw new AppError("permission_denied", `the credential is bound to agent ${principal.agentName}, not ${agentName}`);
}

/** Undefined where no agent of this name is registered. Gives the connection another chance where it fails. */
async function attach(
  { agents, nodeId }: ServerContext,
  connection: Connection,
  { agentName, lastSeq }: Hello,
): Promise<Attached | undefined> {
  try {
    const ref = { connectionId: connection.id, nodeId };
    const result = await agents.attach(connection.tenantId, agentName, ref, lastSeq);
    // what is not registered was sent nothing yet
    if (result === undefined && (lastSeq ?? 0) > 0) throw aheadOf(lastSeq ?? 0, 1);
    if (result?.ahead) throw aheadOf(lastSeq ?? 0, result.nextSeq);
    return result;
  } catch (error) {
    if (connection.state.kind === "greeting") connection.state = { kind: "new" };
    throw error;
  }
}

function aheadOf(lastSeq: number, nextSeq: number): AppError {
  const message = `${lastSeq} is above ${nextSeq - 1}, the last seq that was sent`;
  return new AppError("invalid_argument", `lastSeq: ${message}`, { details: [{ path: "lastSeq", message }] });
}

/** The socket closed meanwhile. */
async function leave({ agents }: ServerContext, connection: Connection, attached: Attached | undefined): Promise<void> {
  if (attached === undefined) return;
  const { tenantId, id: connectionId } = connection;
  await agents.detach([{ tenantId, agentId: attached.agent.id, connectionId, unreachable: false }]);
}

function takeAgent(context: ServerContext, connection: Connection, { agent, ackedSeq, replaced }: Attached): void {
  takeName(context, connection, agent.name);
  connection.state = { kind: "registered", agentName: agent.name, agentId: agent.id };
  connection.ackedSeq = ackedSeq;
  connection.sentSeq = ackedSeq;
  context.connections.register(connection, agent.id);
  if (replaced === undefined || replaced.connectionId === connection.id) return;
  context.closeConnection(replaced.nodeId, replaced.connectionId, closeCodes.replaced, "replaced");
}

function takeName({ connections }: ServerContext, connection: Connection, agentName: string): void {
  const older = connections.name(connection, agentName);
  if (older !== undefined) closeByMesh(older, closeCodes.replaced, "replaced");
}

function refuseRevoked(connection: Connection, re: string): void {
  connection.sendError(new AppError("permission_denied", "the agent was revoked"), { re });
  connection.close(closeCodes.agentRevoked, "revoked");
}

async function resume(context: ServerContext, connection: Connection, { id: re, holding }: Hello): Promise<void> {
  const { state, tenantId } = connection;
  if (state.kind !== "registered") return;
  // nothing leaves before WELCOME: the mailbox is not read until then
  const sorted = await sortHolding(context, connection, holding ?? []);
  if (sorted === undefined || connection.isClosed) return;
  welcome(context, connection, { re, holding: sorted });
  context.delivery.wake(connection);
  context.engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: state.agentId }] });
}

/** Undefined where it failed, and with it the connection: the agent is attached to it already. */
async function sortHolding(
  { agents }: ServerContext,
  connection: Connection,
  holding: readonly string[],
): Promise<SortedHolding | undefined> {
  const { state, tenantId } = connection;
  if (holding.length === 0 || state.kind !== "registered") return { keep: [], recorded: [], drop: [] };
  try {
    return await agents.sortHolding(tenantId, state.agentId, holding);
  } catch (error) {
    connection.fault(toAppError(error));
    return undefined;
  }
}

function welcome(
  { nodeId, heartbeatMs }: ServerContext,
  connection: Connection,
  { re, holding }: { readonly re: string; readonly holding: SortedHolding },
): void {
  connection.send("WELCOME", {
    re,
    connectionId: connection.id,
    nodeId,
    heartbeatMs,
    limits: { maxPayloadBytes: MAX_MESSAGE_BYTES, maxInFlight },
    keep: holding.keep,
    recorded: holding.recorded,
    drop: holding.drop,
  });
  connection.wasWelcomed = true;
}
