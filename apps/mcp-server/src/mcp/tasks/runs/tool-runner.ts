import type { PullStore } from "@devmesh/agents";
import type { AgentId, ApiKeyId, ClaimedTask, TenantId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import { type CarryOutDeps, carryOut, type RunOutcome } from "./carry-out.ts";
import type { HeldRun } from "./held-run.ts";
import type { ToolAgents } from "./submit-run.ts";

/** Carries out calls that run as tasks, those of other nodes too. Disposal lets runs finish for a while. */
export interface ToolRunner extends AsyncDisposable {
  /** A task of this tenant waits. Never waits. */
  wake(tenantId: TenantId): void;
  /** Takes nothing new from now on: the node is about to end. */
  stopClaiming(): void;
}

export interface ToolRunnerDeps extends Omit<CarryOutDeps, "engine"> {
  readonly engine: Pick<TaskEngine, "perform" | "claim">;
  readonly toolAgents: ToolAgents;
  readonly pull: Pick<PullStore, "acknowledge">;
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

const defaultLimits: RunnerLimits = { maxRuns: 256, lookMs: 15_000, graceMs: 5_000 };
/** Tasks of one claim, and tenants of one look. */
const claimSize = 20;
const tenantsPerLook = 100;
const nobody = "00000000-0000-0000-0000-000000000000";

/** Starts a runner: it claims at once what waits, and is woken for what comes. */
export function startToolRunner(deps: ToolRunnerDeps): ToolRunner {
  const { logger } = deps;
  const { maxRuns, lookMs, graceMs } = { ...defaultLimits, ...deps.limits };
  const waiting = new Set<TenantId>();
  const mail = createMailClearing(deps.pull);
  const nudge = createNudge();
  const stopping = new AbortController();
  const runs = createRunSet(deps, ({ tenantId, agentId }) => {
    mail.note(tenantId, agentId);
    nudge.nudge();
  });

  async function claim(tenantId: TenantId): Promise<void> {
    // who wakes it from here on is heard in the next round
    waiting.delete(tenantId);
    const agentId = await deps.toolAgents.find(tenantId);
    const max = Math.min(claimSize, maxRuns - runs.size);
    // no request claims it, and no key of idempotency: nobody is named by the principal
    const principalId = nobody as ApiKeyId;
    const asked = { tenantId, agentId, max, leaseMs: deps.leaseMs, principalId, signal: stopping.signal };
    const claimed = await deps.engine.claim(asked);
    for (const one of claimed) runs.start({ tenantId, taskId: one.task.id, agentId, ...one }, one);
    if (claimed.length === max) waiting.add(tenantId);
  }

  async function claimAll(): Promise<void> {
    for (const tenantId of [...waiting]) {
      if (runs.size >= maxRuns || stopping.signal.aborted) return;
      await claim(tenantId).catch((err: unknown) => {
        deps.toolAgents.forget(tenantId);
        // what is still there is found by the next look
        if (!stopping.signal.aborted) logger.warn({ err, tenantId }, "runs were not claimed");
      });
    }
  }

  async function look(): Promise<void> {
    await mail.clear();
    const found = await deps.findWaiting(tenantsPerLook);
    for (const { tenantId } of found) waiting.add(tenantId);
  }

  async function loop(): Promise<void> {
    for (let lookAt = 0; !stopping.signal.aborted; ) {
      if (performance.now() >= lookAt) {
        await look().catch((err: unknown) => logger.debug({ err }, "looking for runs failed"));
        lookAt = performance.now() + lookMs;
      }
      await claimAll();
      await nudge.wait(Math.max(1, lookAt - performance.now()), stopping.signal);
    }
  }
  const looping = loop();

  return {
    wake(tenantId) {
      waiting.add(tenantId);
      nudge.nudge();
    },
    stopClaiming: () => stopping.abort(),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await looping;
      await runs.finish(graceMs);
    },
  };
}

/** The runs of a node. */
interface RunSet {
  readonly size: number;
  start(held: HeldRun, claimed: ClaimedTask): void;
  /** Resolves when all have ended; those that have not in so long are told to. */
  finish(graceMs: number): Promise<void>;
}

function createRunSet(deps: ToolRunnerDeps, onEnded: (held: HeldRun) => void): RunSet {
  const runs = new Set<Promise<void>>();
  const ending = new AbortController();
  const tell = countRuns(deps.metrics, () => runs.size);
  return {
    get size() {
      return runs.size;
    },
    start(held, claimed) {
      const run = carryOut(deps, held, claimed, ending.signal)
        .then(tell)
        .catch((err: unknown) => deps.logger.error({ err, taskId: held.taskId }, "a run broke off"))
        .finally(() => {
          runs.delete(run);
          onEnded(held);
        });
      runs.add(run);
    },
    async finish(graceMs) {
      const grace = setTimeout(() => ending.abort(), runs.size === 0 ? 0 : graceMs);
      await Promise.allSettled([...runs]);
      clearTimeout(grace);
    },
  };
}

/** Cancellations and answers are read from the ledger: what was mailed of them is nobody's. */
function createMailClearing(pull: Pick<PullStore, "acknowledge">): {
  note(tenantId: TenantId, agentId: AgentId): void;
  clear(): Promise<void>;
} {
  const noted = new Map<TenantId, AgentId>();
  return {
    note: (tenantId, agentId) => {
      noted.set(tenantId, agentId);
    },
    async clear() {
      const agents = [...noted];
      noted.clear();
      for (const [tenantId, agentId] of agents) await pull.acknowledge({ tenantId, agentId }, Number.MAX_SAFE_INTEGER);
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
