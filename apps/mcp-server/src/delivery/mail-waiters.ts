import { type AgentId, AppError, type TenantId } from "@devmesh/models";
import { createNudge } from "@devmesh/runtime";

/** Calls that wait for mail, of this node. */
export interface MailWaiters {
  /**
   * Gives what the first look finds that `isEnough`, looking again when the agent is said to have mail, and every 2 s.
   * After `waitMs`, or when `signal` aborts, gives what the last look found.
   *
   * @throws AppError `resource_exhausted` where too many wait already, on this node or of this tenant.
   */
  wait<Found>(
    ref: { readonly tenantId: TenantId; readonly agentId: AgentId },
    how: { readonly waitMs: number; readonly signal: AbortSignal; readonly isEnough: (found: Found) => boolean },
    look: () => Promise<Found>,
  ): Promise<Found>;
  /** Answers those who wait with what they have: nothing. Later ones do not wait. */
  stopWaiting(): void;
  /** Tells that agents may have mail. Those that nobody waits for cost nothing. */
  onMail(agents: readonly { readonly agentId: AgentId }[]): void;
}

/** Waiting calls of a node, and of one tenant on it. Judgement: each holds a request open. */
const maxWaiting = 5_000;
const maxWaitingOfTenant = 500;
/** Not every mailbox is told of to the node that its agent calls. */
const lookEveryMs = 2_000;

/** Makes the waiters of a node. */
export function createMailWaiters(): MailWaiters {
  const nudgesByAgent = new Map<AgentId, Set<ReturnType<typeof createNudge>>>();
  const waitingByTenant = new Map<TenantId, number>();
  const stopping = new AbortController();
  let waiting = 0;

  function enter(tenantId: TenantId): Disposable {
    const ofTenant = waitingByTenant.get(tenantId) ?? 0;
    if (waiting >= maxWaiting || ofTenant >= maxWaitingOfTenant) {
      const message = `${Math.max(ofTenant, waiting)} calls wait for mail, the limit is ${maxWaiting}, and ${maxWaitingOfTenant} a tenant`;
      throw new AppError("resource_exhausted", message, { reason: "too_many_waiters", retryAfterMs: 1_000 });
    }
    waiting += 1;
    waitingByTenant.set(tenantId, ofTenant + 1);
    return {
      [Symbol.dispose]() {
        waiting -= 1;
        const left = (waitingByTenant.get(tenantId) ?? 1) - 1;
        if (left === 0) waitingByTenant.delete(tenantId);
        else waitingByTenant.set(tenantId, left);
      },
    };
  }

  function listen(agentId: AgentId): Disposable & { readonly nudge: ReturnType<typeof createNudge> } {
    const nudge = createNudge();
    const nudges = nudgesByAgent.get(agentId) ?? new Set();
    nudgesByAgent.set(agentId, nudges.add(nudge));
    return {
      nudge,
      [Symbol.dispose]() {
        nudges.delete(nudge);
        if (nudges.size === 0) nudgesByAgent.delete(agentId);
      },
    };
  }

  return {
    async wait({ tenantId, agentId }, { waitMs, signal, isEnough }, look) {
      if (waitMs === 0) return look();
      using _place = enter(tenantId);
      using listening = listen(agentId);
      const until = performance.now() + waitMs;
      const ending = AbortSignal.any([signal, stopping.signal]);
      for (;;) {
        const found = await look();
        const leftMs = until - performance.now();
        if (isEnough(found) || leftMs <= 0 || ending.aborted) return found;
        await listening.nudge.wait(Math.min(leftMs, lookEveryMs), ending);
      }
    },
    stopWaiting: () => stopping.abort(),
    onMail(agents) {
      if (nudgesByAgent.size === 0) return;
      for (const { agentId } of agents) for (const nudge of nudgesByAgent.get(agentId) ?? []) nudge.nudge();
    },
  };
}
