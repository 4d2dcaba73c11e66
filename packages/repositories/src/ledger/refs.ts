import type { AgentId, LimitRef, TaskId, TenantId } from "@devmesh/models";
import { type Sql, unnest } from "../database/sql.ts";

export interface TaskRef {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

export interface SlotRef {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** Tasks as a set of rows, for `` sql`from ${taskRows(refs)} as asked (tenant_id, task_id)` ``. */
export function taskRows(refs: readonly TaskRef[]): Sql {
  return unnest(["uuid", refs.map(({ tenantId }) => tenantId)], ["uuid", refs.map(({ taskId }) => taskId)]);
}

/** Lanes as a set of rows (tenant_id, lane_id). */
export function laneRows(lanes: readonly { readonly tenantId: string; readonly laneId: string }[]): Sql {
  return unnest(["uuid", lanes.map(({ tenantId }) => tenantId)], ["uuid", lanes.map(({ laneId }) => laneId)]);
}

/** Agents as a set of rows (tenant_id, agent_id). */
export function slotRows(slots: readonly SlotRef[]): Sql {
  return unnest(["uuid", slots.map(({ tenantId }) => tenantId)], ["uuid", slots.map(({ agentId }) => agentId)]);
}

/** Limits as a set of rows (tenant_id, limit_id). */
export function limitRefRows(limits: readonly LimitRef[]): Sql {
  return unnest(["uuid", limits.map(({ tenantId }) => tenantId)], ["uuid", limits.map(({ limitId }) => limitId)]);
}
