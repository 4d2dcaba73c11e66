import type { ClaimedTask, TenantId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import { type CarryOutDeps, carryOut } from "./carry-out.ts";
import type { HeldRun } from "./held-run.ts";
import type { RunOutcome } from "./run-end.ts";

/** The runs of a node. */
export interface RunSet {
  readonly size: number;
  countOf(tenantId: TenantId): number;
  start(held: HeldRun, claimed: ClaimedTask): void;
  /** Resolves when all have ended; those that have not in so long are told to. */
  finish(graceMs: number): Promise<void>;
}

/** Makes an empty one; `onEnded` hears of each run once it is over, however it ended. Once per service. */
export function createRunSet(
  deps: CarryOutDeps & { readonly metrics: Metrics },
  onEnded: (held: HeldRun) => void,
): RunSet {
  const runs = new Map<Promise<void>, TenantId>();
  const ending = new AbortController();
  const tell = countRuns(deps.metrics, () => runs.size);
  return {
    get size() {
      return runs.size;
    },
    countOf: (tenantId) => [...runs.values()].filter((owner) => owner === tenantId).length,
    start(held, claimed) {
      const run = carryOut(deps, held, claimed, ending.signal)
        .then(tell)
        .catch((err: unknown) => deps.logger.error({ err, taskId: held.taskId }, "a run broke off"))
        .finally(() => {
          runs.delete(run);
          onEnded(held);
        });
      runs.set(run, held.tenantId);
    },
    async finish(graceMs) {
      const grace = setTimeout(() => ending.abort(), runs.size === 0 ? 0 : graceMs);
      await Promise.allSettled(runs.keys());
      clearTimeout(grace);
    },
  };
}

function countRuns(metrics: Metrics, read: () => number): (outcome: RunOutcome) => void {
  metrics.gauge({ name: "devmesh_mcp_runs", help: "Calls of tools that run as tasks on this node", read });
  const ended = metrics.counter({
    name: "devmesh_mcp_runs_total",
    help: "Ended runs of calls of tools by outcome",
    labels: ["outcome"],
  });
  return (outcome) => ended.inc({ outcome });
}
