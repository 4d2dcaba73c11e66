import { AppError, type ClaimedTask, type TenantId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import { type CarryOutDeps, carryOut, type RunOutcome } from "./carry-out.ts";
import type { ToolAgents } from "./submit-run.ts";

/** Carries out calls that run as tasks, those of other nodes too. Disposal lets runs finish for a while. */
export interface ToolRunner extends AsyncDisposable {
  /** A task of this tenant waits. Never waits. */
  wake(tenantId: TenantId): void;
  readonly running: number;
}

export interface ToolRunnerDeps extends Omit<CarryOutDeps, "engine"> {
  readonly engine: Pick<TaskEngine, "perform" | "claim">;
  readonly toolAgents: ToolAgents;
  /** Tenants for which something waits that no node has claimed. */
  readonly findWaiting: (limit: number) => Promise<readonly { readonly tenantId: TenantId }[]>;
  readonly metrics: Metrics;
  readonly limits?: Partial<RunnerLimits>;
}

interface RunnerLimits {
  /** Runs of this node at once; those that wait for a person count, too. */
  readonly maxRuns: number;
  /** How soon what another node left is looked for. */
  readonly lookMs: number;
  /** How long runs may go on when the node ends. */
  readonly graceMs: number;
}

const defaultLimits: RunnerLimits = { maxRuns: 256, lookMs: 5_000, graceMs: 5_000 };
/** Tasks of one claim, and tenants of one look. */
const claimSize = 20;
const tenantsPerLook = 100;

/** Starts a runner: it claims at once what waits, and is woken for what comes. */
export function startToolRunner(deps: ToolRunnerDeps): ToolRunner {
  const { logger } = deps;
  const { maxRuns, lookMs, graceMs } = { ...defaultLimits, ...deps.limits };
  const tell = countRuns(deps.metrics, () => runs.size);
  const runs = new Set<Promise<void>>();
  const waiting = new Set<TenantId>();
  const nudge = createNudge();
  const stopping = new AbortController();
  const ending = new AbortController();

  function start(tenantId: TenantId, claimed: ClaimedTask, agentId: Awaited<ReturnType<ToolAgents["find"]>>): void {
    const { assignmentId, fence, task } = claimed;
    const held = { tenantId, taskId: task.id, assignmentId, agentId, fence };
    const run = carryOut(deps, held, claimed, ending.signal)
      .then(tell, (err: unknown) => logger.error({ err, taskId: task.id }, "a run broke off"))
      .finally(() => {
        runs.delete(run);
        nudge.nudge();
      });
    runs.add(run);
  }

  async function claim(tenantId: TenantId): Promise<void> {
    const agentId = await deps.toolAgents.find(tenantId);
    // a run that is claimed by no request: keys of idempotency are nobody's
    const asked = { tenantId, agentId, max: Math.min(claimSize, maxRuns - runs.size), leaseMs: deps.leaseMs };
    const claimed = await deps.engine.claim({ ...asked, principalId: agentId as never, signal: stopping.signal });
    if (claimed.length < asked.max) waiting.delete(tenantId);
    for (const one of claimed) start(tenantId, one, agentId);
  }

  async function claimAll(): Promise<void> {
    for (const tenantId of [...waiting]) {
      if (runs.size >= maxRuns || stopping.signal.aborted) return;
      await claim(tenantId).catch((err: unknown) => {
        // what is still there is found by the next look
        waiting.delete(tenantId);
        if (err instanceof AppError && err.code === "not_found") deps.toolAgents.forget(tenantId);
        logger.debug({ err, tenantId }, "runs were not claimed");
      });
    }
  }

  async function look(): Promise<void> {
    const found = await deps.findWaiting(tenantsPerLook);
    for (const { tenantId } of found) waiting.add(tenantId);
  }

  async function loop(): Promise<void> {
    for (let isLookDue = true; !stopping.signal.aborted; ) {
      if (isLookDue) await look().catch((err: unknown) => logger.debug({ err }, "looking for runs failed"));
      await claimAll();
      isLookDue = !(await nudge.wait(lookMs, stopping.signal));
    }
  }
  const looping = loop();

  return {
    get running() {
      return runs.size;
    },
    wake(tenantId) {
      waiting.add(tenantId);
      nudge.nudge();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await looping;
      const grace = setTimeout(() => ending.abort(), runs.size === 0 ? 0 : graceMs);
      await Promise.allSettled([...runs]);
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
