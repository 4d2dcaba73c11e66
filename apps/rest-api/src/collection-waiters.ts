import { AppError, type CollectionId, type TenantId } from "@devmesh/models";
import { createNudge, type Nudge, sleep } from "@devmesh/runtime";

interface CollectionRef {
  readonly tenantId: TenantId;
  readonly collectionId: CollectionId;
}

/** One request that waits for a collection to get on. Dispose it when it waits no more. */
export interface CollectionWatch extends Disposable {
  /** Resolves when there may be news, after the time, or when `signal` aborts; never twice in quick succession. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** All that wait for collections in this process. */
export interface CollectionWaiters {
  /** @throws AppError `resource_exhausted` when too many wait already. */
  watch(ref: CollectionRef): CollectionWatch;
  /** Tells that documents were embedded, or given up. */
  onChanged(refs: readonly CollectionRef[]): void;
}

/** Bounds of waiting. */
export interface CollectionWaitersOptions {
  readonly maxWatches: number;
  /** How soon to look again without a hint, because hints may be lost. */
  readonly recheckMs: number;
  /** How soon at most: each look counts documents, and an import tells of news ten times a second. */
  readonly paceMs: number;
}

/** Makes the waiters of a process. */
export function createCollectionWaiters({
  maxWatches,
  recheckMs,
  paceMs,
}: CollectionWaitersOptions): CollectionWaiters {
  const nudgesByKey = new Map<string, Set<Nudge>>();
  let size = 0;

  function forget(key: string, nudge: Nudge): void {
    const nudges = nudgesByKey.get(key);
    if (nudges?.delete(nudge) !== true) return;
    size -= 1;
    if (nudges.size === 0) nudgesByKey.delete(key);
  }

  return {
    watch(ref) {
      if (size >= maxWatches) {
        const message = `${size} requests wait for collections, the limit is ${maxWatches}`;
        throw new AppError("resource_exhausted", message, { reason: "too_many_waiters", retryAfterMs: 1_000 });
      }
      const key = toKey(ref);
      const nudge = createNudge();
      nudgesByKey.set(key, (nudgesByKey.get(key) ?? new Set()).add(nudge));
      size += 1;
      return {
        async changed(timeoutMs, signal) {
          const pausedMs = Math.min(paceMs, timeoutMs);
          await sleep(pausedMs, signal);
          await nudge.wait(Math.min(recheckMs, timeoutMs - pausedMs), signal);
        },
        [Symbol.dispose]: () => forget(key, nudge),
      };
    },
    onChanged(refs) {
      for (const key of new Set(refs.map(toKey))) for (const nudge of nudgesByKey.get(key) ?? []) nudge.nudge();
    },
  };
}

/** With the tenant: an id of another tenant's wakes nobody. */
function toKey({ tenantId, collectionId }: CollectionRef): string {
  return `${tenantId}/${collectionId}`;
}
