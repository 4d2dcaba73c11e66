import { assert, type LedgerChange } from "@devmesh/models";
import type { LedgerTx } from "../store.ts";

/** Gives the tasks whose circle of possible agents has changed the lane that they belong to now; makes it if need be. */
export async function placeInLanes(tx: LedgerTx, changes: readonly LedgerChange[]): Promise<readonly LedgerChange[]> {
  const moving = changes.filter(({ excluded }) => excluded !== undefined);
  if (moving.length === 0) return changes;
  const requirementsByTask = await tx.requirementsOf(moving.map(({ after }) => after));
  const laneIds = await tx.ensureLanes(
    moving.map(({ after: { tenantId, taskId }, excluded = [] }) => {
      const requirements = requirementsByTask.get(taskId);
      assert(requirements, `task ${taskId} has no requirements`);
      return { tenantId, requirements: { ...requirements, excludedAgentIds: excluded } };
    }),
  );
  const laneIdsByTask = new Map(moving.map(({ after }, index) => [after.taskId, laneIds[index]]));
  return changes.map((change) => {
    const laneId = laneIdsByTask.get(change.after.taskId) ?? change.after.laneId;
    return { ...change, after: { ...change.after, laneId } };
  });
}
