import { type LimitId, type LimitRule, limitsOf, type TenantId } from "@devmesh/models";
import type { LedgerStore } from "./store.ts";

/** Tells which limits a task is subject to, by what was known of its tenant lately. */
export interface Limits {
  of(task: {
    readonly tenantId: TenantId;
    readonly type: string;
    readonly labels: readonly string[];
  }): Promise<readonly LimitId[]>;
}

/** A task that is queued in the lane of limits that have changed since is moved when its turn comes. */
const rememberMs = 5_000;
const maxRemembered = 10_000;

/** A cache in front of the limits of tenants: a submit asks for them once in five seconds. */
export function createLimits(store: Pick<LedgerStore, "findLimits">, now: () => number): Limits {
  const remembered = new Map<TenantId, { readonly rules: Promise<readonly LimitRule[]>; readonly until: number }>();

  function find(tenantId: TenantId): Promise<readonly LimitRule[]> {
    const known = remembered.get(tenantId);
    if (known !== undefined && known.until > now()) return known.rules;
    remembered.delete(tenantId);
    const oldest = remembered.keys().next();
    if (remembered.size >= maxRemembered && !oldest.done) remembered.delete(oldest.value);
    const rules = store.findLimits(tenantId);
    remembered.set(tenantId, { rules, until: now() + rememberMs });
    rules.catch(() => remembered.delete(tenantId));
    return rules;
  }

  return { of: async (task) => limitsOf(await find(task.tenantId), task) };
}
