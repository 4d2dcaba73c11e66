import {
  AppError,
  type AssignmentId,
  type Delegation,
  type Heritage,
  type LedgerAssignment,
  type LedgerChange,
  type LedgerEntry,
  maxOpenAssignments,
  type TenantId,
} from "@devmesh/models";
import { checkStanding } from "../life/check-standing.ts";
import { yieldSlot } from "../life/yield-slot.ts";
import type { LedgerTx, TaskRef } from "../store.ts";
import type { Draft } from "./new-task.ts";

/** The most labels of a task, as in the schema of submissions. */
const maxLabels = 20;

/** A locked task that another is delegated from, with the assignment that delegates. */
export interface Parent extends Heritage {
  readonly entry: LedgerEntry & { readonly assignment: LedgerAssignment };
}

/** Parents by the assignment that was named. Unknown ones are absent. */
export type Parents = ReadonlyMap<AssignmentId, Parent>;

/** Locks the parents together with the tasks that the children are to depend on, all in the order of their ids. */
export async function lockParents(
  tx: LedgerTx,
  delegations: readonly (Delegation & { readonly tenantId: TenantId })[],
  dependencies: readonly TaskRef[],
): Promise<Parents> {
  if (delegations.length === 0) return new Map();
  const asked = [...new Map(delegations.map((one) => [`${one.tenantId}/${one.assignmentId}`, one])).values()];
  const [, entries, heritage] = await Promise.all([
    tx.lockTogether(asked, dependencies),
    tx.lockByAssignment(asked),
    tx.findHeritage(asked),
  ]);
  return new Map(
    entries.flatMap((entry) => {
      const inherited = heritage.get(entry.taskId);
      if (inherited === undefined || !hasAssignment(entry)) return [];
      return [[entry.assignment.id, { ...inherited, entry }] as const];
    }),
  );
}

/** The parent that a tenant may name: submissions of several tenants lock theirs together. */
export function findParent(
  parents: Parents,
  { tenantId, assignmentId }: { readonly tenantId: TenantId; readonly assignmentId: AssignmentId },
): Parent | undefined {
  const parent = parents.get(assignmentId);
  return parent?.entry.tenantId === tenantId ? parent : undefined;
}

/**
 * Why an assignment may not delegate: checked as a frame about it is, in the order of the wire protocol; then the depth.
 * Undefined where it may.
 */
export function checkDelegation(
  delegation: Delegation,
  parent: Parent | undefined,
  maxDepth: number,
): AppError | undefined {
  const { assignmentId, agentId } = delegation;
  if (parent === undefined || parent.entry.assignment.agentId !== agentId) {
    return new AppError("not_found", `no assignment ${assignmentId} of this agent`);
  }
  const { entry, depth, openAssignments } = parent;
  const { tenantId, assignment } = entry;
  const word = { kind: "progress" } as const;
  const outcome = checkStanding(entry, { tenantId, assignmentId, agentId, fence: assignment.fence, word });
  if (outcome?.kind === "refused") return outcome.error;
  if (delegation.yieldSlot && assignment.state === "waiting") {
    return new AppError("failed_precondition", `assignment ${assignmentId} waits for an answer: its slot stays taken`);
  }
  if (delegation.yieldSlot && openAssignments >= maxOpenAssignments) {
    const message = `the agent has ${openAssignments} open assignments, the limit for yieldSlot is ${maxOpenAssignments}`;
    return new AppError("resource_exhausted", message, { retryAfterMs: 1_000 });
  }
  if (depth + 1 <= maxDepth) return undefined;
  const message = `a task delegated from ${entry.taskId} would be ${depth + 1} deep, the limit is ${maxDepth}`;
  return new AppError("failed_precondition", message, { reason: "depth_limit" });
}

/**
 * What a delegated task takes over: trace context unless it has its own, the earlier of both deadlines, and the labels,
 * the parent's first.
 *
 * @throws AppError `invalid_argument` past 20 labels, and where the parent is what it depends on: a parent that yields its
 * slot, with this child or a later one, would never go on; `failed_precondition` once the parent's deadline has passed.
 */
export function inherit(draft: Draft, { entry, ...parent }: Parent, now: Date): Draft {
  const labels = [...new Set([...parent.labels, ...draft.submission.labels])];
  if (labels.length > maxLabels) {
    const message = `${labels.length} with those of the parent, the limit is ${maxLabels}`;
    throw new AppError("invalid_argument", `labels: ${message}`, { details: [{ path: "labels", message }] });
  }
  if (draft.dependsOn.includes(entry.taskId)) {
    const message = `task ${entry.taskId} delegates this one, may wait for it, and can't be what it depends on`;
    throw new AppError("invalid_argument", `dependsOn: ${message}`, { details: [{ path: "dependsOn", message }] });
  }
  if (entry.deadline !== undefined && entry.deadline <= now) {
    const message = `the deadline ${entry.deadline.toISOString()} of task ${entry.taskId} has passed`;
    throw new AppError("failed_precondition", message);
  }
  return {
    ...draft,
    submission: { ...draft.submission, labels, deadline: earlierDeadline(draft, entry.deadline) },
    parentId: entry.taskId,
    depth: parent.depth + 1,
    traceparent: draft.traceparent ?? parent.traceparent,
  };
}

/** What submissions that were written, or repeated, mean for their parents' slots: one change for each parent. */
export function yieldSlots(delegations: readonly Delegation[], parents: Parents, now: Date): readonly LedgerChange[] {
  const changes = new Map<AssignmentId, LedgerChange>();
  for (const { assignmentId, yieldSlot: isYielding } of delegations) {
    const before = parents.get(assignmentId)?.entry;
    if (before === undefined) continue;
    const present = changes.get(assignmentId)?.after ?? before;
    // one that awaits a slot has a child to wait for again
    const after = isYielding || present.assignment?.slot === "awaited" ? yieldSlot(present, now) : present;
    if (after === present) continue;
    changes.set(assignmentId, { before, after, events: [], result: undefined, notices: [], excluded: undefined });
  }
  return [...changes.values()].sort((a, b) => (a.before.taskId < b.before.taskId ? -1 : 1));
}

function earlierDeadline({ submission }: Draft, inherited: Date | undefined): string | undefined {
  if (inherited === undefined) return submission.deadline;
  const own = submission.deadline;
  return own !== undefined && new Date(own) < inherited ? own : inherited.toISOString();
}

function hasAssignment(entry: LedgerEntry): entry is Parent["entry"] {
  return entry.assignment !== undefined;
}
