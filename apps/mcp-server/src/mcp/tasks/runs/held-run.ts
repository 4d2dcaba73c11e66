import { type AgentId, AppError, type AssignmentId, isFinal, type TaskId, type TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { sleep, type TaskWaiters, type TaskWatch } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";

/** A task that this node holds in the name of the mesh's own agent. */
export interface HeldRun {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  readonly fence: number;
}

export interface HoldDeps {
  readonly engine: Pick<TaskEngine, "perform">;
  readonly waiters: Pick<TaskWaiters, "watch">;
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** A lease is renewed so many times before it would end. */
const renewalsPerLease = 3;
/** The waiters look at the database by themselves as often as they must. */
const idleMs = 60_000;

/** The hold on a run. Disposing lets go of it. */
export interface Lease extends AsyncDisposable {
  /** Aborts when the task is not this node's any more: it was cancelled, has run out of time, or is another's. */
  readonly lost: AbortSignal;
}

/** Keeps the lease of a run. While the database is away it is taken to hold for as long as it was given. */
export function startHolding(deps: HoldDeps, held: HeldRun): Lease {
  const over = new AbortController();
  const lost = new AbortController();
  const holding = holdRun(deps, held, over.signal)
    .catch((err: unknown) => deps.logger.error({ err, taskId: held.taskId }, "a run was not held"))
    .then(() => lost.abort());
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      over.abort();
      await holding;
    },
  };
}

/** Resolves when the lease is lost, or `signal` aborts. */
async function holdRun(deps: HoldDeps, held: HeldRun, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const losing = [keepLease(deps, held, until), waitForEnd(deps, held, until)];
  await Promise.race(losing);
  ended.abort();
  await Promise.all(losing);
}

async function keepLease({ engine, leaseMs }: HoldDeps, held: HeldRun, signal: AbortSignal): Promise<void> {
  const { tenantId, assignmentId, agentId, fence } = held;
  let keptUntil = performance.now() + leaseMs;
  while (!signal.aborted && performance.now() < keptUntil) {
    await sleep(leaseMs / renewalsPerLease, signal);
    if (signal.aborted) return;
    const saidAt = performance.now();
    try {
      const word = { kind: "extend", leaseMs } as const;
      const outcome = await engine.perform({ tenantId, assignmentId, agentId, fence, word });
      if (outcome.kind === "refused") return;
      keptUntil = saidAt + leaseMs;
    } catch (error) {
      // the database is away: the lease that was given goes on
      if (error instanceof AppError && error.code === "internal") return;
    }
  }
}

/** A hint tells of a cancellation at once; a lost lease, and all where too many wait for tasks, shows at the next renewal. */
async function waitForEnd({ waiters }: HoldDeps, held: HeldRun, signal: AbortSignal): Promise<void> {
  using watch = watchIfRoom(waiters, held);
  if (watch === undefined) return waitForAbort(signal);
  while (!signal.aborted) {
    await watch.changed(idleMs, signal);
    const { standing } = watch;
    if (standing !== undefined && (isFinal(standing.state) || isGivenBack.has(standing.state))) return;
  }
}

function watchIfRoom(waiters: HoldDeps["waiters"], held: HeldRun): TaskWatch | undefined {
  try {
    return waiters.watch(held);
  } catch (error) {
    if (error instanceof AppError && error.code === "resource_exhausted") return undefined;
    throw error;
  }
}

function waitForAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

const isGivenBack: ReadonlySet<string> = new Set(["queued", "scheduled", "blocked"]);
