import { AppError, type ToolResult, toAppError } from "@devmesh/models";
import { assertMayUseServer } from "./access.ts";
import { type CallFacts, recordCall } from "./call-record.ts";
import { type CheckedArguments, checkArguments } from "./check-arguments.ts";
import type { Connections } from "./connections.ts";
import type { ToolGatewayDeps, ToolInvocation } from "./gateway.ts";
import type { Guard, Guards } from "./guards.ts";
import { measureResult } from "./measure-result.ts";
import type { Seats } from "./seats.ts";

/** What calling stands on. */
export interface CallDeps extends Pick<ToolGatewayDeps, "audit" | "newId" | "schemas" | "observer"> {
  readonly connections: Connections;
  readonly guards: Guards;
  readonly seats: Seats;
  readonly maxArgumentBytes: number;
  readonly maxOutputBytes: number;
}

/** Calls a tool, and writes down what came of it, whatever that is. */
export async function callTool(deps: CallDeps, invocation: ToolInvocation): Promise<ToolResult> {
  const facts: CallFacts = { argumentBytes: 0, resultBytes: 0 };
  const beganAt = performance.now();
  const tell = (outcome: ToolResult | AppError): Promise<void> =>
    recordCall(deps, invocation, { outcome, durationMs: Math.round(performance.now() - beganAt), facts });
  try {
    const result = await execute(deps, invocation, facts);
    await tell(result);
    return result;
  } catch (error) {
    await tell(toAppError(error));
    throw error;
  }
}

async function execute(deps: CallDeps, invocation: ToolInvocation, facts: CallFacts): Promise<ToolResult> {
  const { tenantId, server, tool, caller } = invocation;
  assertMayUseServer(caller.scopes, server);
  if (!server.enabled) {
    throw new AppError("failed_precondition", `tool server ${server.name} is disabled`, { reason: "disabled" });
  }
  const { schemas, maxArgumentBytes, maxOutputBytes } = deps;
  const values = await checkArguments(invocation.arguments, {
    tool,
    schemas,
    tenantId,
    maxBytes: maxArgumentBytes,
  });
  facts.argumentBytes = values.bytes;
  facts.argumentsSha256 = values.sha256;
  const guard = deps.guards.of(invocation);
  // behind an open breaker nobody waits for a place among calls that hang
  const leave = guard.breaker.state === "open" ? undefined : await enter(deps, guard, invocation);
  try {
    const result = await reach(deps.connections, invocation, { values, guard });
    facts.resultBytes = measureResult(result, { tool: tool.name, maxBytes: maxOutputBytes });
    return result;
  } finally {
    leave?.();
  }
}

/** Waits for a place and a seat: what has none of either says nothing of the server, and its breaker isn't told. */
async function enter(
  { seats }: CallDeps,
  guard: Guard,
  { tenantId, server, signal }: ToolInvocation,
): Promise<() => void> {
  const leavePlace = await guard.enter(signal);
  try {
    const leaveSeat = await seats.take({ tenantId, serverId: server.id }, signal);
    return () => {
      leaveSeat();
      leavePlace();
    };
  } catch (error) {
    leavePlace();
    throw error;
  }
}

/** The call itself, behind the breaker, which alone says what a failure tells of the server. */
async function reach(
  connections: Connections,
  invocation: ToolInvocation,
  { values, guard }: { readonly values: CheckedArguments; readonly guard: Guard },
): Promise<ToolResult> {
  const { server, tool, signal, traceparent, onProgress } = invocation;
  const send = (ending: AbortSignal): Promise<ToolResult> =>
    connections.use(invocation, ending, (connection) =>
      connection.call({ tool, arguments: values.value, traceparent, onProgress, signal: ending }),
    );
  try {
    return await guard.breaker.run(send, { limitMs: server.timeoutMs, signal });
  } finally {
    // what comes after the rest finds a fresh connection, and a fresh process
    if (guard.breaker.state === "open") connections.retire(server.id);
  }
}
