import type { ModelUsage, TenantId } from "@devmesh/models";
import type { UsageLedger } from "../ports/usage-ledger.ts";

/** Tenants whose usage could not be recorded; of more, those that failed first are forgotten. */
const maxTenants = 1_000;

/**
 * A ledger that remembers what it could not record, and records it with the tenant's next usage: money that was paid is
 * lost only with the process.
 */
export function createUsageBook(ledger: UsageLedger): UsageLedger {
  const owed = new Map<TenantId, readonly ModelUsage[]>();

  function owe(tenantId: TenantId, usages: readonly ModelUsage[]): void {
    owed.set(tenantId, sumByModel([...(owed.get(tenantId) ?? []), ...usages]));
    const [oldest] = owed.keys();
    if (owed.size > maxTenants && oldest !== undefined) owed.delete(oldest);
  }

  return {
    assertRoom: (tenantId, estimate) => ledger.assertRoom(tenantId, estimate),
    record: async (tenantId, kind, usages) => {
      const all = sumByModel([...(owed.get(tenantId) ?? []), ...usages]);
      owed.delete(tenantId);
      try {
        await ledger.record(tenantId, kind, all);
      } catch (error) {
        owe(tenantId, all);
        throw error;
      }
    },
  };
}

function sumByModel(usages: readonly ModelUsage[]): readonly ModelUsage[] {
  const sums = new Map<string, ModelUsage>();
  for (const usage of usages) {
    const sum = sums.get(usage.model);
    sums.set(usage.model, sum === undefined ? usage : add(sum, usage));
  }
  return [...sums.values()];
}

function add(a: ModelUsage, b: ModelUsage): ModelUsage {
  return {
    model: a.model,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costMicroUsd: a.costMicroUsd + b.costMicroUsd,
  };
}
