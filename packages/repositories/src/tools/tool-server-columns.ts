import type { ToolCheck, ToolServer, ToolServerId, ToolServerTransport } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** A registered server with what was last found out about it. */
export interface ToolServerStanding extends ToolServer {
  /** Undefined until somebody has looked. */
  readonly check: (ToolCheck & { readonly checkedAt: string }) | undefined;
  /** Tools as last seen, and when that was. */
  readonly toolCount: number;
  readonly toolsSeenAt?: string;
}

/** Of `s`, a row of tool_server. */
export const serverColumns: Sql = sql`
  s.id, s.name, s.title, s.transport, s.timeout_ms as "timeoutMs", s.max_concurrency as "maxConcurrency", s.scopes,
  s.enabled, s.version, s.tool_count as "toolCount", s.tools_seen_at as "toolsSeenAt", s.check_state as "checkState",
  s.check_latency_ms as "checkLatencyMs", s.check_error as "checkError", s.checked_at as "checkedAt",
  s.created_at as "createdAt", s.updated_at as "updatedAt"`;

/** What {@link serverColumns} reads. */
export interface ServerRow {
  readonly id: ToolServerId;
  readonly name: string;
  readonly title: string | null;
  readonly transport: ToolServerTransport;
  readonly timeoutMs: number;
  readonly maxConcurrency: number;
  readonly scopes: readonly string[];
  readonly enabled: boolean;
  readonly version: number;
  readonly toolCount: number;
  readonly toolsSeenAt: Date | null;
  readonly checkState: ToolCheck["state"] | null;
  readonly checkLatencyMs: number | null;
  readonly checkError: NonNullable<ToolCheck["error"]> | null;
  readonly checkedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export function toServer(row: ServerRow): ToolServerStanding {
  const { id, name, title, transport, timeoutMs, maxConcurrency, scopes, enabled, version, toolCount } = row;
  return {
    ...{ id, name, ...(title !== null && { title }), transport, timeoutMs, maxConcurrency, scopes, enabled, version },
    toolCount,
    ...(row.toolsSeenAt !== null && { toolsSeenAt: row.toolsSeenAt.toISOString() }),
    check: toCheck(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function toCheck({ checkState, checkLatencyMs, checkError, checkedAt }: ServerRow): ToolServerStanding["check"] {
  if (checkState === null || checkedAt === null) return undefined;
  return {
    state: checkState,
    latencyMs: checkLatencyMs ?? 0,
    ...(checkError !== null && { error: checkError }),
    checkedAt: checkedAt.toISOString(),
  };
}
