import type { PullStore } from "@devmesh/agents";
import type { AgentId, TenantId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { CarryOutDeps } from "./carry-out.ts";
import { claimRuns, type RunBounds } from "./claim-runs.ts";
import { createRunSet } from "./run-set.ts";
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

interface RunnerLimits extends RunBounds {
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
/** Tenants of one look. */
const tenantsPerLook = 100;

/** Starts a runner: it claims at once what waits, and is woken for what comes. */
export function startToolRunner(deps: ToolRunnerDeps): ToolRunner {
  const { logger } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const waiting = new Set<TenantId>();
  const mail = createMailClearing(deps.pull);
  const nudge = createNudge();
  const stopping = new AbortController();
  const looks = createLookTimes(limits);
  const runs = createRunSet(deps, ({ tenantId, agentId }) => {
    mail.note(tenantId, agentId);
    nudge.nudge();
  });

  function wake(tenantId: TenantId): void {
    waiting.add(tenantId);
    nudge.nudge();
  }

  async function look(): Promise<void> {
    await mail.clear();
    const found = await deps.findWaiting(tenantsPerLook);
    for (const { tenantId } of found) waiting.add(tenantId);
  }

  async function loop({ signal }: AbortController): Promise<void> {
    while (!signal.aborted) {
      if (looks.takeDue()) await look().catch((err: unknown) => logger.debug({ err }, "looking for runs failed"));
      await claimRuns({ ...deps, bounds: limits, runs, waiting, wake }, signal);
      await nudge.wait(looks.leftMs(), signal);
    }
  }
  const looping = loop(stopping);

  return {
    wake,
    lookSoon() {
      if (looks.hasten()) nudge.nudge();
    },
    stopClaiming: () => stopping.abort(),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await looping;
      await runs.finish(limits.graceMs);
    },
  };
}

/** When what another node left is looked for. */
interface LookTimes {
  /** True where it is time: the look counts as done. */
  takeDue(): boolean;
  /** Until it is time; at least 1. */
  leftMs(): number;
  /** Another node may have left something; false where that was known. */
  hasten(): boolean;
}

function createLookTimes({ lookMs, soonMs }: Pick<RunnerLimits, "lookMs" | "soonMs">): LookTimes {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let isHinted = false;
  const leftMs = (): number => lookedAt + (isHinted ? soonMs : lookMs) - performance.now();
  return {
    takeDue() {
      if (leftMs() > 0) return false;
      isHinted = false;
      lookedAt = performance.now();
      return true;
    },
    leftMs: () => Math.max(1, leftMs()),
    hasten() {
      if (isHinted) return false;
      isHinted = true;
      return true;
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
