import { AppError, type TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { createNudge, type Nudge } from "../nudge.ts";
import { sleep } from "../sleep.ts";
import type { AwaitedTask, TaskStanding, TaskStates } from "./task-standing.ts";

/** One request that waits for a task to change. Dispose it when it waits no more. */
export interface TaskWatch extends Disposable {
  /** What was last heard of the task; undefined until the first word. */
  readonly standing: TaskStanding | undefined;
  /** Resolves when there is news (at once, if it came since the last call), after the time, or when `signal` aborts. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** All that wait for tasks in this process, over one subscription. */
export interface TaskWaiters extends AsyncDisposable {
  /** @throws AppError `resource_exhausted` when too many wait already. */
  watch(ref: AwaitedTask): TaskWatch;
  /** Tells that tasks have changed. Those that nobody waits for cost nothing. */
  onChanged(refs: readonly AwaitedTask[]): void;
  readonly size: number;
}

export interface TaskWaitersOptions {
  readonly reads: TaskStates;
  readonly logger: Logger;
  readonly maxWatches: number;
  /** Of one tenant; all of them unless given. */
  readonly maxTenantWatches?: number;
  /** How often everything is looked at without a hint, because hints may be lost. */
  readonly recheckMs: number;
}

/** Tasks looked at with one statement. */
const maxTasksPerLook = 1_000;

interface Watched {
  readonly ref: AwaitedTask;
  readonly nudges: Set<Nudge>;
  standing: TaskStanding | undefined;
}

/**
 * Makes the waiters of a process. However many wait: the hints of one turn of the event loop become one look at the
 * table, and so does the slow re-check.
 */
export function createTaskWaiters(options: TaskWaitersOptions): TaskWaiters {
  const { reads, logger, maxWatches, maxTenantWatches = maxWatches, recheckMs } = options;
  const watchedByKey = new Map<string, Watched>();
  const sizeByTenant = new Map<TenantId, number>();
  const dirty = new Set<string>();
  const stopping = new AbortController();
  let size = 0;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    // hints of one turn come together
    await new Promise((resolve) => setImmediate(resolve));
    while (dirty.size > 0 && !stopping.signal.aborted) {
      const keys = [...dirty].slice(0, maxTasksPerLook);
      for (const key of keys) dirty.delete(key);
      await lookAt(keys.flatMap((key) => watchedByKey.get(key) ?? []));
    }
  }

  async function lookAt(watched: readonly Watched[]): Promise<void> {
    if (watched.length === 0) return;
    try {
      const standings = await reads.states(watched.map(({ ref }) => ref));
      for (const one of watched) tell(one, standings.get(one.ref.taskId));
    } catch (err) {
      logger.debug({ err, tasks: watched.length }, "looking at awaited tasks failed");
    }
  }

  function lookSoon(): void {
    looking ??= look().finally(() => {
      looking = undefined;
      // what came after the last look and before this line
      if (dirty.size > 0 && !stopping.signal.aborted) lookSoon();
    });
  }

  async function recheck(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(recheckMs, stopping.signal);
      for (const key of watchedByKey.keys()) dirty.add(key);
      if (dirty.size > 0) lookSoon();
    }
  }
  const rechecking = recheck();

  function assertRoom(tenantId: TenantId): void {
    const own = sizeByTenant.get(tenantId) ?? 0;
    if (size < maxWatches && own < maxTenantWatches) return;
    const [waiting, limit] = size < maxWatches ? [own, `${maxTenantWatches} of a tenant`] : [size, maxWatches];
    const message = `${waiting} requests wait for tasks, the limit is ${limit}`;
    throw new AppError("resource_exhausted", message, { reason: "too_many_waiters", retryAfterMs: 1_000 });
  }

  function count(tenantId: TenantId, by: 1 | -1): void {
    size += by;
    const own = (sizeByTenant.get(tenantId) ?? 0) + by;
    if (own > 0) sizeByTenant.set(tenantId, own);
    else sizeByTenant.delete(tenantId);
  }

  return {
    get size() {
      return size;
    },
    watch(ref) {
      assertRoom(ref.tenantId);
      const key = toKey(ref);
      const watched = watchedByKey.get(key) ?? { ref, nudges: new Set<Nudge>(), standing: undefined };
      watchedByKey.set(key, watched);
      count(ref.tenantId, 1);
      return createWatch(watched, () => {
        count(ref.tenantId, -1);
        if (watched.nudges.size === 0) watchedByKey.delete(key);
      });
    },
    onChanged(refs) {
      for (const key of refs.map(toKey)) if (watchedByKey.has(key)) dirty.add(key);
      if (dirty.size > 0) lookSoon();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await rechecking;
      await looking;
    },
  };
}

/** With the tenant: who waits for an id of another tenant's hears nothing, and keeps nobody from hearing. */
function toKey({ tenantId, taskId }: AwaitedTask): string {
  return `${tenantId}/${taskId}`;
}

function tell(watched: Watched, standing: TaskStanding | undefined): void {
  if (standing === undefined || standing.eventSeq === watched.standing?.eventSeq) return;
  watched.standing = standing;
  for (const nudge of watched.nudges) nudge.nudge();
}

function createWatch(watched: Watched, onDispose: () => void): TaskWatch {
  const nudge = createNudge();
  watched.nudges.add(nudge);
  return {
    get standing() {
      return watched.standing;
    },
    changed: async (timeoutMs, signal) => {
      await nudge.wait(timeoutMs, signal);
    },
    [Symbol.dispose]() {
      if (watched.nudges.delete(nudge)) onDispose();
    },
  };
}
