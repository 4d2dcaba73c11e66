import { assert, isFinal, type LedgerChange } from "@devmesh/models";
import type { MeshOperation } from "../operation.ts";
import type { LedgerTx, TaskRef } from "../store.ts";
import { movedTo } from "./changes.ts";
import { createDraft } from "./draft.ts";
import { placeInLanes } from "./place-in-lanes.ts";

/** Longer than any chain of dependencies or delegations that a limit allows to grow; past it something loops. */
const maxRounds = 10_000;

/**
 * Carries changes on to the tasks that hang on them, in the same transaction, until nothing follows any more:
 * dependents of a completed task are unblocked, those of a failed or cancelled one fail, those of a redriven one are
 * blocked again, and what was delegated from a cancelled one is cancelled.
 */
export async function cascade(
  tx: LedgerTx,
  changes: readonly LedgerChange[],
  random: () => number,
): Promise<readonly LedgerChange[]> {
  const followed: LedgerChange[] = [];
  let latest = changes;
  for (let round = 0; latest.length > 0; round++) {
    assert(round < maxRounds, `a cascade of ${maxRounds} rounds`);
    const words = await whatFollows(tx, latest);
    if (words.length === 0) break;
    latest = await carryOut(tx, words, random);
    followed.push(...latest);
  }
  return followed;
}

async function carryOut(
  tx: LedgerTx,
  words: readonly MeshOperation[],
  random: () => number,
): Promise<readonly LedgerChange[]> {
  const draft = createDraft(await tx.lockByTask(words), { now: tx.now, random: 0 }, random);
  for (const word of words) draft.apply(word);
  const changes = await placeInLanes(tx, draft.changes());
  if (changes.length > 0) await tx.write(changes);
  return changes;
}

async function whatFollows(tx: LedgerTx, changes: readonly LedgerChange[]): Promise<readonly MeshOperation[]> {
  const completed = movedTo(changes, "completed");
  const lost = movedTo(changes, "failed", "cancelled");
  const cancelled = movedTo(changes, "cancelled");
  const redriven = changes
    .filter(({ before, after }) => before.state === "failed" && !isFinal(after.state))
    .map(({ after }) => after);
  const [dependents, children, failed] = await Promise.all([
    completed.length + lost.length === 0 ? [] : tx.findDependents([...completed, ...lost]),
    cancelled.length === 0 ? [] : tx.findDescendants(cancelled),
    redriven.length === 0 ? [] : tx.findFailedDependents(redriven),
  ]);
  const lostIds = new Set(lost.map(({ taskId }) => taskId));
  return [
    ...dependents.flatMap(({ dependsOn, open, ...ref }) =>
      dependentWord(ref, dependsOn, { open, isLost: lostIds.has(dependsOn) }),
    ),
    ...children.map((ref) => toOperation(ref, { kind: "cancel", reason: "parent_cancelled" })),
    ...failed.map((ref) => toOperation(ref, { kind: "reblock" })),
  ];
}

function dependentWord(
  ref: TaskRef,
  dependencyId: TaskRef["taskId"],
  { open, isLost }: { readonly open: number; readonly isLost: boolean },
): readonly MeshOperation[] {
  if (isLost) return [toOperation(ref, { kind: "dependency_failed", dependencyId })];
  return open === 0 ? [toOperation(ref, { kind: "unblock" })] : [];
}

function toOperation({ tenantId, taskId }: TaskRef, word: MeshOperation["word"]): MeshOperation {
  return { tenantId, taskId, word };
}
