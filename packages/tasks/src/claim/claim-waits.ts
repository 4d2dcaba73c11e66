import { type AgentId, AppError, type TenantId } from "@devmesh/models";
import type { AgentSlotRef } from "../store.ts";

/** One claim that waits. Disposing takes it out. */
export interface ClaimWait extends Disposable {
  /**
   * Sleeps until it is woken, at once if it was since the last sleep; at most `ms`, until `signal` aborts, or until all
   * waits are stopped.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The claims of a process that wait for a task. */
export interface ClaimWaits {
  readonly size: number;
  /** True when no claim waits any more. */
  readonly isStopped: boolean;
  has(tenantId: TenantId): boolean;
  /** @throws AppError `resource_exhausted` where too many wait. */
  open(agent: AgentSlotRef): ClaimWait;
  /** For a claim that does not wait, and takes nobody's place: it may nap where a task is held just now. */
  pass(): ClaimWait;
  /** Wakes all that wait for one of these agents, in the order in which they came. */
  wake(agentIds: ReadonlySet<AgentId>): void;
  /** Ends all sleep, for good. */
  stop(): void;
}

/** How many may wait, in all and of one tenant. */
export interface ClaimWaitsBounds {
  readonly max: number;
  readonly maxPerTenant: number;
}

interface Waiting {
  readonly agent: AgentSlotRef;
  wake(): void;
}

/** Makes the waits of a process; nobody waits yet. */
export function createClaimWaits({ max, maxPerTenant }: ClaimWaitsBounds): ClaimWaits {
  const waiting = new Set<Waiting>();
  const byTenant = new Map<TenantId, number>();
  let isStopped = false;

  function assertRoom(tenantId: TenantId): void {
    const ofTenant = byTenant.get(tenantId) ?? 0;
    if (waiting.size < max && ofTenant < maxPerTenant) return;
    const message = `${ofTenant} claims of the tenant wait here, the limit is ${maxPerTenant}, ${max} of all tenants`;
    throw new AppError("resource_exhausted", message, { reason: "waiting_claims", retryAfterMs: 1_000 });
  }

  function count(tenantId: TenantId, change: 1 | -1): void {
    const ofTenant = (byTenant.get(tenantId) ?? 0) + change;
    if (ofTenant === 0) byTenant.delete(tenantId);
    else byTenant.set(tenantId, ofTenant);
  }

  const toSleep =
    (sleep: ClaimWait["sleep"]): ClaimWait["sleep"] =>
    (ms, signal) =>
      isStopped ? Promise.resolve() : sleep(ms, signal);

  return {
    get size() {
      return waiting.size;
    },
    get isStopped() {
      return isStopped;
    },
    has: (tenantId) => byTenant.has(tenantId),
    open(agent) {
      assertRoom(agent.tenantId);
      const { wake, sleep } = createSleeper();
      const one: Waiting = { agent, wake };
      waiting.add(one);
      count(agent.tenantId, 1);
      return {
        sleep: toSleep(sleep),
        [Symbol.dispose]() {
          if (waiting.delete(one)) count(agent.tenantId, -1);
        },
      };
    },
    pass: () => ({ sleep: toSleep(createSleeper().sleep), [Symbol.dispose]: () => undefined }),
    wake(agentIds) {
      for (const { agent, wake } of waiting) if (agentIds.has(agent.agentId)) wake();
    },
    stop() {
      isStopped = true;
      for (const { wake } of waiting) wake();
    },
  };
}

function createSleeper(): { wake(): void; sleep(ms: number, signal: AbortSignal): Promise<void> } {
  let isWoken = false;
  let end: (() => void) | undefined;
  return {
    wake() {
      isWoken = true;
      end?.();
    },
    async sleep(ms, signal) {
      if (!isWoken && !signal.aborted && ms > 0) {
        await new Promise<void>((resolve) => {
          const finish = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", finish);
            end = undefined;
            resolve();
          };
          const timer = setTimeout(finish, ms);
          signal.addEventListener("abort", finish, { once: true });
          end = finish;
        });
      }
      isWoken = false;
    },
  };
}
