import { assert, type LaneId, type LedgerChange, type TaskId } from "@devmesh/models";
import type { LedgerTx } from "../store.ts";

/** The changes as they are written: those that move into another lane with its id. */
export function withLanes(
  changes: readonly LedgerChange[],
  lanes: ReadonlyMap<TaskId, LaneId>,
): readonly LedgerChange[] {
  return changes.map((change) => {
    const laneId = lanes.get(change.after.taskId);
    return laneId === undefined ? change : { ...change, after: { ...change.after, laneId } };
  });
}

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
