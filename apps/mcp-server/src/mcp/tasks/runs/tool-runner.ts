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
  /** Another node may have left something. Never waits. */
  lookSoon(): void;
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
  /** Of one tenant: what waits for people, or for a slow tool, takes no places of others. */
  readonly maxRunsOfTenant: number;
  /** How soon what another node left is looked for without a hint, and how long after the last look with one. */
  readonly lookMs: number;
  readonly soonMs: number;
  /** How long runs may go on when the node ends. */
  readonly graceMs: number;
}

const defaultLimits: RunnerLimits = {
  maxRuns: 256,
  maxRunsOfTenant: 64,
  lookMs: 60_000,
  soonMs: 5_000,
  graceMs: 5_000,
};
/** Tasks of one claim, and tenants of one look. */
const claimSize = 20;
const tenantsPerLook = 100;
const nobody = "00000000-0000-0000-0000-000000000000";

/** Starts a runner: it claims at once what waits, and is woken for what comes. */
export function startToolRunner(deps: ToolRunnerDeps): ToolRunner {
  const { logger } = deps;
  const { maxRuns, maxRunsOfTenant, lookMs, soonMs, graceMs } = { ...defaultLimits, ...deps.limits };
  const waiting = new Set<TenantId>();
  const mail = createMailClearing(deps.pull);
  const nudge = createNudge();
  const stopping = new AbortController();
  const runs = createRunSet(deps, ({ tenantId, agentId }) => {
    mail.note(tenantId, agentId);
    nudge.nudge();
  });

  const roomOf = (tenantId: TenantId): number =>
    Math.min(claimSize, maxRuns - runs.size, maxRunsOfTenant - runs.countOf(tenantId));

  async function claim(tenantId: TenantId): Promise<void> {
    // who wakes it from here on is heard in the next round
    waiting.delete(tenantId);
    const agentId = await deps.toolAgents.find(tenantId);
    const max = roomOf(tenantId);
    // no request claims it, and no key of idempotency: nobody is named by the principal
    const principalId = nobody as ApiKeyId;
    const asked = { tenantId, agentId, max, leaseMs: deps.leaseMs, principalId, signal: stopping.signal };
    const claimed = await deps.engine.claim(asked);
    for (const one of claimed) runs.start({ tenantId, taskId: one.task.id, agentId, ...one }, one);
    if (claimed.length < max) return;
    // there may be more
    waiting.add(tenantId);
    nudge.nudge();
  }

  async function claimAll(): Promise<void> {
    for (const tenantId of [...waiting]) {
      if (stopping.signal.aborted) return;
      // whoever has no room now has it when a run ends
      if (roomOf(tenantId) <= 0) continue;
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

  let lookedAt = Number.NEGATIVE_INFINITY;
  let isHinted = false;
  const leftMs = (): number => lookedAt + (isHinted ? soonMs : lookMs) - performance.now();

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (leftMs() <= 0) {
        isHinted = false;
        lookedAt = performance.now();
        await look().catch((err: unknown) => logger.debug({ err }, "looking for runs failed"));
      }
      await claimAll();
      await nudge.wait(Math.max(1, leftMs()), stopping.signal);
    }
  }
  const looping = loop();

  return {
    wake(tenantId) {
      waiting.add(tenantId);
      nudge.nudge();
    },
    lookSoon() {
      if (isHinted) return;
      isHinted = true;
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
  countOf(tenantId: TenantId): number;
  start(held: HeldRun, claimed: ClaimedTask): void;
  /** Resolves when all have ended; those that have not in so long are told to. */
  finish(graceMs: number): Promise<void>;
}

function createRunSet(deps: ToolRunnerDeps, onEnded: (held: HeldRun) => void): RunSet {
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
