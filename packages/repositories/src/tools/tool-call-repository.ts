import type {
  ApiKeyId,
  NewToolCallRecord,
  TaskId,
  TenantId,
  ToolCallId,
  ToolCallOutcome,
  ToolCallRecord,
  ToolDoor,
  ToolServerId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** Who called which tool, and how it ended. */
export interface ToolCallRepository {
  record(tenantId: TenantId, call: NewToolCallRecord): Promise<void>;
  /** Newest first. Those of a server that was deleted are there until they are pruned. */
  list(tenantId: TenantId, serverId: ToolServerId, page: PageAsked): Promise<readonly ToolCallRecord[]>;
}

interface CallRow {
  readonly id: ToolCallId;
  readonly serverId: ToolServerId;
  readonly tool: string;
  readonly principalId: ApiKeyId;
  readonly door: ToolDoor;
  readonly outcome: ToolCallOutcome;
  readonly reason: string | null;
  readonly durationMs: number;
  readonly argumentBytes: number;
  readonly argumentsSha256: string | null;
  readonly resultBytes: number;
  readonly taskId: TaskId | null;
  readonly traceparent: string | null;
  readonly at: Date;
}

/** The record in Postgres; each call is a transaction of its own. */
export function toolCallRepository(database: Database): ToolCallRepository {
  const scopeOf = (tenantId: TenantId) => ({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }) as const;
  return {
    record: async (tenantId, call) => {
      const { id, serverId, tool, principalId, door, outcome, reason, durationMs } = call;
      await database.queryAs(
        scopeOf(tenantId),
        sql`
          insert into tool_call (tenant_id, id, server_id, tool, principal_id, door, outcome, reason, duration_ms,
            argument_bytes, arguments_sha256, result_bytes, task_id, traceparent)
          values (${tenantId}, ${id}, ${serverId}, ${tool}, ${principalId}, ${door}, ${outcome}, ${reason},
            ${Math.round(durationMs)}, ${call.argumentBytes}, ${call.argumentsSha256}, ${call.resultBytes},
            ${call.taskId}, ${call.traceparent})`,
      );
    },
    list: async (tenantId, serverId, { limit, after }) => {
      const { rows } = await database.queryAs<CallRow>(
        scopeOf(tenantId),
        sql`
          select id, server_id as "serverId", tool, principal_id as "principalId", door, outcome, reason,
            duration_ms as "durationMs", argument_bytes as "argumentBytes",
            arguments_sha256 as "argumentsSha256", result_bytes as "resultBytes",
            task_id as "taskId", traceparent, at
          from tool_call
          where server_id = ${serverId} and tenant_id = ${tenantId}
            ${after === undefined ? sql`` : sql`and (at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
          order by at desc, id desc
          limit ${limit}`,
      );
      return rows.map(toRecord);
    },
  };
}

function toRecord({ reason, argumentsSha256, taskId, traceparent, at, ...call }: CallRow): ToolCallRecord {
  return {
    ...call,
    ...(reason !== null && { reason }),
    ...(argumentsSha256 !== null && { argumentsSha256 }),
    ...(taskId !== null && { taskId }),
    ...(traceparent !== null && { traceparent }),
    at: at.toISOString(),
  };
}
