import { assert, type LedgerChange, type TaskId } from "@devmesh/models";
import { isAgentOperation, type MeshOperation, type Operation, type Outcome } from "../operation.ts";
import type { AgentSlotRef, FreedCaps, LedgerStore, LedgerTx, SlotNews, TaskRef } from "../store.ts";
import { cascade } from "./cascade.ts";
import { movedTo } from "./changes.ts";
import { createDraft, type Draft } from "./draft.ts";
import { placeInLanes } from "./place-in-lanes.ts";
import { settleCaps } from "./settle-caps.ts";

/** What a settled batch leads to, after its commit. */
export interface Settled {
  readonly outcomes: readonly Outcome[];
  readonly changes: readonly LedgerChange[];
  /** Limits and budgets that have room again. */
  readonly freed: FreedCaps;
  readonly slots: SlotNews;
}

/**
 * Decides a batch of operations and writes what comes of them, with all that follows for other tasks, in one
 * transaction. Several operations on one task take effect in their order.
 */
export function settle(store: LedgerStore, operations: readonly Operation[], random: () => number): Promise<Settled> {
  const tenants = [...new Set(operations.map((operation) => operation.tenantId))];
  return store.transaction(tenants, async (plainTx) => {
    const trees = await findTrees(plainTx, operations);
    const draft = await openDraft(plainTx, { operations, trees, random });
    const { tx: settlingTx, freed } = settleCaps(plainTx);
    const { tx, slots } = noteSlots(settlingTx);
    const outcomes = operations.map((operation) => draft.apply(operation));
    if (trees.length > 0) await cancelTrees(tx, draft);
    const changes = await placeInLanes(tx, draft.changes());
    if (changes.length === 0) return { outcomes, changes, freed: freed(), slots };
    // sent together, carried out one after the other
    const [, followed] = await Promise.all([tx.write(changes), cascade(tx, changes, random)]);
    return { outcomes, changes: [...changes, ...followed], freed: freed(), slots };
  });
}

/** Remembers what the writes of a transaction tell of slots. */
function noteSlots(tx: LedgerTx): { readonly tx: LedgerTx; readonly slots: SlotNews } {
  const waiting: AgentSlotRef[] = [];
  const claiming: AgentSlotRef[] = [];
  const write: LedgerTx["write"] = async (changes) => {
    const found = await tx.write(changes);
    waiting.push(...found.waiting);
    claiming.push(...found.claiming);
    return found;
  };
  return { tx: { ...tx, write }, slots: { waiting, claiming } };
}

/** What hangs below the tasks that are to be cancelled: locked together with them, before anything is written. */
function findTrees(tx: LedgerTx, operations: readonly Operation[]): Promise<readonly TaskRef[]> | readonly TaskRef[] {
  const cancels = operations.filter(
    (operation): operation is MeshOperation => !isAgentOperation(operation) && operation.word.kind === "cancel",
  );
  return cancels.length === 0 ? [] : tx.findDescendants(cancels);
}

/**
 * Cancels whole trees with their roots, so that no task of theirs ends otherwise after the root's answer. What was
 * delegated while the locks were waited for is left to the cascade.
 */
async function cancelTrees(tx: LedgerTx, draft: Draft): Promise<void> {
  const roots = movedTo(draft.changes(), "cancelled");
  if (roots.length === 0) return;
  for (const { tenantId, taskId } of await tx.findDescendants(roots)) {
    draft.apply({ tenantId, taskId, word: { kind: "cancel", reason: "parent_cancelled" } });
  }
}

interface Opening {
  readonly operations: readonly Operation[];
  readonly trees: readonly TaskRef[];
  readonly random: () => number;
}

async function openDraft(tx: LedgerTx, { operations, trees, random }: Opening): Promise<Draft> {
  const frames = operations.filter(isAgentOperation);
  const words = operations.filter((operation): operation is MeshOperation => !isAgentOperation(operation));
  // one kind after the other could lock out of order against another batch: mixed batches are not made
  assert(frames.length === 0 || words.length === 0, "a batch holds frames or words of the mesh, not both");
  const entries =
    frames.length > 0 ? await tx.lockByAssignment(frames) : await tx.lockByTask(eachOnce([...words, ...trees]));
  return createDraft(entries, { now: tx.now, random: 0 }, random);
}

function eachOnce(refs: readonly TaskRef[]): readonly TaskRef[] {
  return [...new Map<TaskId, TaskRef>(refs.map(({ tenantId, taskId }) => [taskId, { tenantId, taskId }])).values()];
}
