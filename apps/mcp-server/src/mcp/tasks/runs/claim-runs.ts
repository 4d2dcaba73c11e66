import type { ApiKeyId, TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { TaskEngine } from "@devmesh/tasks";
import type { RunSet } from "./run-set.ts";
import type { ToolAgents } from "./submit-run.ts";

/** How much a node carries out at once. */
export interface RunBounds {
  /** Those that wait for a person count, too. */
  readonly maxRuns: number;
  /** What waits for people, or for a slow tool, takes no places of others. */
  readonly maxRunsOfTenant: number;
}

export interface ClaimRunsDeps {
  readonly engine: Pick<TaskEngine, "claim">;
  readonly toolAgents: ToolAgents;
  readonly leaseMs: number;
  readonly bounds: RunBounds;
  readonly runs: Pick<RunSet, "size" | "countOf" | "start">;
  /** Tenants for which something waits; those that are claimed for are taken out. */
  readonly waiting: Set<TenantId>;
  /** Puts a tenant in again for which there may be more. */
  readonly wake: (tenantId: TenantId) => void;
  readonly logger: Logger;
}

/** Tasks of one claim. Judgement. */
const claimSize = 20;
const nobody = "00000000-0000-0000-0000-000000000000";

/** Claims and starts what waits, as far as there is room. Never rejects: what fails is found by the next look. */
export async function claimRuns(deps: ClaimRunsDeps, signal: AbortSignal): Promise<void> {
  const { waiting, toolAgents, logger } = deps;
  for (const tenantId of [...waiting]) {
    if (signal.aborted) return;
    // whoever has no room now has it when a run ends
    if (roomOf(deps, tenantId) <= 0) continue;
    await claimOf(deps, tenantId, signal).catch((err: unknown) => {
      toolAgents.forget(tenantId);
      if (!signal.aborted) logger.warn({ err, tenantId }, "runs were not claimed");
    });
  }
}

async function claimOf(deps: ClaimRunsDeps, tenantId: TenantId, signal: AbortSignal): Promise<void> {
  const { engine, toolAgents, leaseMs, runs, waiting, wake } = deps;
  // who wakes it from here on is heard in the next round
  waiting.delete(tenantId);
  const agentId = await toolAgents.find(tenantId);
  const max = roomOf(deps, tenantId);
  // no request claims it, and no key of idempotency: nobody is named by the principal
  const principalId = nobody as ApiKeyId;
  const claimed = await engine.claim({ tenantId, agentId, max, leaseMs, principalId, signal });
  for (const one of claimed) runs.start({ tenantId, taskId: one.task.id, agentId, ...one }, one);
  if (claimed.length >= max) wake(tenantId);
}

function roomOf({ bounds, runs }: ClaimRunsDeps, tenantId: TenantId): number {
  return Math.min(claimSize, bounds.maxRuns - runs.size, bounds.maxRunsOfTenant - runs.countOf(tenantId));
}
