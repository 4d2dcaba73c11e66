import { AppError, type NewId, type ToolCallId, type ToolCallOutcome, type ToolResult } from "@devmesh/models";
import type { ToolGatewayObserver, ToolInvocation } from "./gateway.ts";
import type { ToolAudit } from "./ports.ts";

/** What recording stands on. */
export interface RecordDeps {
  readonly audit: ToolAudit;
  readonly newId: NewId;
  readonly observer?: ToolGatewayObserver;
}

/** What a call came to, and what is known of it. */
export interface CallEnd {
  readonly outcome: ToolResult | AppError;
  readonly durationMs: number;
  readonly facts: CallFacts;
}

/** Filled in as they become known. */
export interface CallFacts {
  argumentBytes: number;
  argumentsSha256?: string;
  resultBytes: number;
}

/** Writes the call down. It never fails: the call was made, and its answer is somebody's. */
export async function recordCall(deps: RecordDeps, invocation: ToolInvocation, end: CallEnd): Promise<void> {
  const { tenantId, server, tool, caller, traceparent } = invocation;
  const { durationMs, facts } = end;
  const { outcome, reason } = nameOutcome(end.outcome);
  deps.observer?.onCall?.({ outcome: reason ?? outcome, durationMs });
  try {
    await deps.audit.record(tenantId, {
      id: deps.newId() as ToolCallId,
      serverId: server.id,
      tool: tool.name,
      principalId: caller.principalId,
      door: caller.door,
      outcome,
      ...(reason !== undefined && { reason }),
      durationMs,
      ...facts,
      ...(caller.taskId !== undefined && { taskId: caller.taskId }),
      ...(traceparent !== undefined && { traceparent }),
    });
  } catch (error) {
    deps.observer?.onAuditFailure?.(error);
  }
}

function nameOutcome(outcome: ToolResult | AppError): { outcome: ToolCallOutcome; reason: string | undefined } {
  if (outcome instanceof AppError) return { outcome: outcome.code, reason: outcome.reason };
  return { outcome: outcome.isError ? "tool_error" : "ok", reason: undefined };
}
