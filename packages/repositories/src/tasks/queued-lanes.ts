import type { LaneId, TaskId, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { type TaskRef, taskRows } from "../ledger/refs.ts";

/** A task that waits for an agent, and the lane it waits in. */
export interface QueuedLane {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly laneId: LaneId;
}

/** Tells the lanes of those of these tasks that are queued; the others, and unknown ones, are left out. */
export async function findQueuedLanes(database: Database, refs: readonly TaskRef[]): Promise<readonly QueuedLane[]> {
  const tenants = [...new Set(refs.map(({ tenantId }) => tenantId))];
  const { rows } = await database.queryAs<QueuedLane>(
    { role: "devmesh_app", tenants, plans: "by_index" },
    sql`
      select t.tenant_id as "tenantId", t.id as "taskId", t.lane_id as "laneId"
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id
      where t.queue_rank is not null`,
  );
  return rows;
}
