import type { ModelUsage, TenantId } from "@devmesh/models";

/** What is going to be spent, at most. */
export interface EstimatedUsage {
  readonly tokens: number;
  readonly costMicroUsd: number;
}

/** What tenants spend on models, beside what their agents do. */
export interface UsageLedger {
  /**
   * Before a call.
   *
   * @throws AppError `resource_exhausted`, reason `budget`, where a cap of the tenant has no room for it.
   */
  assertRoom(tenantId: TenantId, estimate: EstimatedUsage): Promise<void>;
  /** After it: adds to the day's usage and to the tenant's budgets. */
  record(tenantId: TenantId, kind: "embed" | "write", usages: readonly ModelUsage[]): Promise<void>;
}
