import { assert, type LaneId, type LedgerChange, type TaskId } from "@devmesh/models";
import type { LedgerTx } from "../store.ts";

/** Writes changes, after finding the lanes of those whose circle of possible agents has changed. */
export async function writeChanges(tx: LedgerTx, changes: readonly LedgerChange[]): Promise<void> {
  if (changes.length > 0) await tx.write(changes, await findLanes(tx, changes));
}

async function findLanes(tx: LedgerTx, changes: readonly LedgerChange[]): Promise<ReadonlyMap<TaskId, LaneId>> {
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
