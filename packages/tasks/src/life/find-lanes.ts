import { assert, type LaneId, type LedgerChange, type TaskId } from "@devmesh/models";
import type { LedgerTx } from "../store.ts";

/** Finds, or makes, the lanes of the tasks whose circle of possible agents a change has changed. */
export async function findLanes(tx: LedgerTx, changes: readonly LedgerChange[]): Promise<ReadonlyMap<TaskId, LaneId>> {
  const moving = changes
    .filter(({ excluded }) => excluded !== undefined)
    .map(({ after, excluded = [] }) => ({ ...after, excluded }));
  if (moving.length === 0) return new Map();
  const requirementsByTask = await tx.requirementsOf(moving);
  const lanes = await tx.ensureLanes(
    moving.map(({ tenantId, taskId, excluded }) => {
      const requirements = requirementsByTask.get(taskId);
      assert(requirements, `task ${taskId} has no requirements`);
      return { tenantId, requirements: { ...requirements, excludedAgentIds: excluded } };
    }),
  );
  return new Map(moving.flatMap(({ taskId }, index) => (lanes[index] === undefined ? [] : [[taskId, lanes[index]]])));
}
