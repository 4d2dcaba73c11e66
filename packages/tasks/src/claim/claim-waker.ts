import type { AgentId, AssignmentScope, LimitRef } from "@devmesh/models";
import { createTurns } from "../assignment/turns.ts";
import type { AgentSlotRef, ClaimableScope, LedgerStore } from "../store.ts";
import type { ClaimWaits } from "./claim-waits.ts";

/** Wakes those who wait to claim when there may be something for them. */
export interface ClaimWaker extends AsyncDisposable {
  /** Something may wait in these lanes, in those of these limits, or for these agents. Never waits. */
  wake(scope: ClaimableScope): void;
}

/** Lanes and limits in one look; agents that it may find. */
const bounds = { max: 20_000, maxPerTenant: 5_000 };
const perLook = 500;
const maxFound = 2_000;

/**
 * Finds out for whom something may wait, and wakes these alone: one look however many wait, and none where nobody does.
 * One that failed is not done again: those who wait look by themselves.
 */
export function createClaimWaker(
  {
    store,
    onError,
  }: { readonly store: Pick<LedgerStore, "findCandidates">; readonly onError: (error: unknown) => void },
  waits: ClaimWaits,
): ClaimWaker {
  const lanes = createTurns<AssignmentScope["lanes"][number]>(({ laneId }) => laneId, bounds);
  const limits = createTurns<LimitRef>(({ limitId }) => limitId, bounds);
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    // what is told in this turn of the event loop is looked at together
    await new Promise(setImmediate);
    while (lanes.size + limits.size > 0 && !waits.isStopped) {
      const scope = { lanes: lanes.take(perLook), agents: [], limits: limits.take(perLook) };
      try {
        const found = await store.findCandidates(scope, maxFound, "claim");
        waits.wake(new Set(found.map(({ agentId }) => agentId)));
      } catch (error) {
        onError(error);
      }
    }
    running = undefined;
  }

  const isAwaited = ({ tenantId }: Pick<AgentSlotRef, "tenantId">): boolean => waits.has(tenantId);
  return {
    wake(scope) {
      if (waits.size === 0 || waits.isStopped) return;
      if (scope.agents.length > 0) waits.wake(new Set<AgentId>(scope.agents.map(({ agentId }) => agentId)));
      lanes.add(scope.lanes.filter(isAwaited));
      limits.add(scope.limits.filter(isAwaited));
      if (lanes.size + limits.size > 0) running ??= run();
    },
    async [Symbol.asyncDispose]() {
      await running;
    },
  };
}
