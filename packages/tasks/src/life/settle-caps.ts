import {
  type BudgetRef,
  holdsSlot,
  isFinal,
  isOpen,
  type LedgerChange,
  type LimitRef,
  toStorable,
  type Usage,
} from "@devmesh/models";
import type { CapChange, FreedCaps, LedgerTx, TryUsage } from "../store.ts";

/** A transaction that settles caps and usage with every write, and remembers what that let go. */
export interface SettlingTx {
  readonly tx: LedgerTx;
  freed(): FreedCaps;
}

/**
 * Lets each write of changes carry on, before any slot is locked, what limits count and budgets reserve for the
 * assignments in it, and add what ended ones cost to the usage of the day. Where nothing is capped and nothing cost
 * anything, it writes the changes alone.
 */
export function settleCaps(tx: LedgerTx): SettlingTx {
  const limits = new Map<string, LimitRef>();
  const budgets = new Map<string, BudgetRef>();

  async function change(changes: readonly CapChange[]): Promise<void> {
    const freed = await tx.changeCaps(changes);
    for (const ref of freed.limits) limits.set(ref.limitId, ref);
    for (const ref of freed.budgets) budgets.set(ref.budgetId, ref);
  }

  return {
    tx: {
      ...tx,
      async write(changes) {
        const capped = capChanges(changes);
        const tries = usageOf(changes);
        // sent together, carried out one after the other
        const [, slots] = await Promise.all([
          capped.length === 0 ? undefined : change(capped),
          tx.write(changes),
          tries.length === 0 ? undefined : tx.addUsage(tries),
        ]);
        return slots;
      },
    },
    freed: () => ({ limits: [...limits.values()], budgets: [...budgets.values()] }),
  };
}

/**
 * What changes for the assignments that something counts. One that gives up its slot for its children is not in flight
 * until it takes one again, so that parents never wait for each other's children behind a limit. One that ends without
 * usage has cost nothing.
 */
export function capChanges(changes: readonly LedgerChange[]): readonly CapChange[] {
  return changes.flatMap((change): readonly CapChange[] => {
    const { tenantId, assignment } = change.before;
    if (assignment?.isCapped !== true) return [];
    const ends = endsAssignment(change);
    const inFlight = toCount(holdsSlot(change.after.assignment), holdsSlot(assignment));
    if (!ends && inFlight === 0) return [];
    const { inputTokens, outputTokens, costMicroUsd } = readUsage(change.after.assignment?.usage);
    const tokens = Math.min(inputTokens + outputTokens, Number.MAX_SAFE_INTEGER);
    return [{ tenantId, assignmentId: assignment.id, inFlight, ends, costMicroUsd, tokens }];
  });
}

function toCount(holdsNow: boolean, heldBefore: boolean): CapChange["inFlight"] {
  if (holdsNow === heldBefore) return 0;
  return holdsNow ? 1 : -1;
}

/** What agents said of the tries that end with these changes; of those that said nothing there is nothing. */
export function usageOf(changes: readonly LedgerChange[]): readonly TryUsage[] {
  return changes.filter(endsAssignment).flatMap(({ before: { tenantId, taskId }, after }) => {
    const { assignment } = after;
    if (assignment?.usage === undefined) return [];
    const { id: assignmentId, agentId } = assignment;
    const endsTask = isFinal(after.state);
    return [{ tenantId, taskId, assignmentId, agentId, endsTask, ...readUsage(assignment.usage) }];
  });
}

function endsAssignment({ before, after }: LedgerChange): boolean {
  if (before.assignment === undefined || !isOpen(before.assignment.state)) return false;
  return after.assignment === undefined || !isOpen(after.assignment.state);
}

type Figures = Pick<TryUsage, "inputTokens" | "outputTokens" | "costMicroUsd" | "model">;

function readUsage(text: string | undefined): Figures {
  const usage: Usage = text === undefined ? {} : JSON.parse(text);
  const { inputTokens = 0, outputTokens = 0, costMicroUsd = 0, model = "" } = usage;
  // users' JSON may hold anything
  return { inputTokens, outputTokens, costMicroUsd, model: toStorable(model) };
}
