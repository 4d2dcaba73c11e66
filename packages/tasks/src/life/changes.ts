import { isFinal, isOpen, keepsRoom, type LedgerChange, type TaskState } from "@devmesh/models";
import type { AgentSlotRef, TaskRef } from "../store.ts";

/** The agents that have room for a new task again since these changes. */
export function freedSlots(changes: readonly LedgerChange[]): readonly AgentSlotRef[] {
  return changes.flatMap(({ before, after }) => {
    if (before.assignment === undefined || !keepsRoom(before.assignment) || keepsRoom(after.assignment)) return [];
    return [{ tenantId: before.tenantId, agentId: before.assignment.agentId }];
  });
}

/** Tasks that came into one of these states. */
export function movedTo(changes: readonly LedgerChange[], ...states: readonly TaskState[]): readonly TaskRef[] {
  return changes
    .filter(({ before, after }) => before.state !== after.state && states.includes(after.state))
    .map(({ after }) => ({ tenantId: after.tenantId, taskId: after.taskId }));
}

/** The parents of tasks that became final, unless these changes ended them too. */
export function parentsOf(changes: readonly LedgerChange[]): readonly TaskRef[] {
  const ended = changes.filter(({ before, after }) => !isFinal(before.state) && isFinal(after.state));
  if (ended.every(({ after }) => after.parentId === undefined)) return [];
  const endedIds = new Set(ended.map(({ after }) => after.taskId));
  const parents = ended.flatMap(({ after: { tenantId, parentId } }): readonly TaskRef[] =>
    parentId === undefined || endedIds.has(parentId) ? [] : [{ tenantId, taskId: parentId }],
  );
  return [...new Map(parents.map((ref) => [ref.taskId, ref])).values()];
}

/** When the sweep is to look at what changed: wake-ups, and looks at assignments that moved to another time. */
export function dueTimes(changes: readonly Pick<LedgerChange, "before" | "after">[]): readonly Date[] {
  return changes.flatMap(({ before, after }) => {
    const { assignment, wakeAt } = after;
    const isMoved =
      assignment !== undefined &&
      isOpen(assignment.state) &&
      assignment.checkAt.getTime() !== before.assignment?.checkAt.getTime();
    return [...(wakeAt === undefined ? [] : [wakeAt]), ...(isMoved ? [assignment.checkAt] : [])];
  });
}
