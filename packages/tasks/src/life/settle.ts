import { assert, type LedgerChange } from "@devmesh/models";
import { isAgentOperation, type MeshOperation, type Operation, type Outcome } from "../operation.ts";
import type { LedgerStore, LedgerTx } from "../store.ts";
import { cascade } from "./cascade.ts";
import { createDraft, type Draft } from "./draft.ts";
import { placeInLanes } from "./place-in-lanes.ts";

/** What a settled batch leads to, after its commit. */
export interface Settled {
  readonly outcomes: readonly Outcome[];
  readonly changes: readonly LedgerChange[];
}

/**
 * Decides a batch of operations and writes what comes of them, with all that follows for other tasks, in one
 * transaction. Several operations on one task take effect in their order.
 */
export function settle(store: LedgerStore, operations: readonly Operation[], random: () => number): Promise<Settled> {
  const tenants = [...new Set(operations.map((operation) => operation.tenantId))];
  return store.transaction(tenants, async (tx) => {
    const draft = await openDraft(tx, operations, random);
    const outcomes = operations.map((operation) => draft.apply(operation));
    const changes = await placeInLanes(tx, draft.changes());
    if (changes.length === 0) return { outcomes, changes };
    // sent together, carried out one after the other
    const [, followed] = await Promise.all([tx.write(changes), cascade(tx, changes, random)]);
    return { outcomes, changes: [...changes, ...followed] };
  });
}

async function openDraft(tx: LedgerTx, operations: readonly Operation[], random: () => number): Promise<Draft> {
  const frames = operations.filter(isAgentOperation);
  const words = operations.filter((operation): operation is MeshOperation => !isAgentOperation(operation));
  // one kind after the other could lock out of order against another batch: mixed batches are not made
  assert(frames.length === 0 || words.length === 0, "a batch holds frames or words of the mesh, not both");
  const entries = frames.length > 0 ? await tx.lockByAssignment(frames) : await tx.lockByTask(words);
  return createDraft(entries, { now: tx.now, random: 0 }, random);
}
