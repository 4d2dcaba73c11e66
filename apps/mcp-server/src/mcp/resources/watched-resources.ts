import { AppError, type TenantId } from "@devmesh/models";

/** What is watched: something of a tenant that changes, whatever URIs it has. */
export interface Subject {
  readonly tenantId: TenantId;
  readonly kind: "task" | "agent" | "inbox" | "entry";
  readonly id: string;
}

/** Who is told, and of what: the URI as it was subscribed. Must not throw. */
export interface Watcher {
  readonly uri: string;
  tell(uri: string): void;
}

/** Who waits for what on this node. Nothing is done for what nobody watches. */
export interface WatchedResources {
  readonly size: number;
  /**
   * @throws AppError `resource_exhausted`, reason `too_many_subscriptions`, where this node would watch too much, or more than
   * half of it for one tenant.
   */
  assertRoom(tenantId: TenantId, count: number): void;
  /** The answer ends it, and may be called twice. */
  add(subject: Subject, watcher: Watcher): () => void;
  /** Tells whoever watches it. */
  changed(subject: Subject): void;
  /** Agents of a tenant that somebody watches. */
  agentsOf(tenantId: TenantId): readonly string[];
}

/** Until one that found no room tries again. Judgement. */
const retryAfterMs = 5_000;

/** Makes an empty one, for `maxWatches`. */
export function createWatchedResources(maxWatches: number): WatchedResources {
  const watchersByKey = new Map<string, Set<Watcher>>();
  const agentsByTenant = new Map<TenantId, Map<string, number>>();
  const sizeByTenant = new Map<TenantId, number>();
  const maxOfTenant = Math.ceil(maxWatches / 2);
  let size = 0;

  function countAgent({ tenantId, kind, id }: Subject, by: 1 | -1): void {
    if (kind !== "agent") return;
    const agents = agentsByTenant.get(tenantId) ?? new Map<string, number>();
    const count = (agents.get(id) ?? 0) + by;
    if (count > 0) agents.set(id, count);
    else agents.delete(id);
    if (agents.size > 0) agentsByTenant.set(tenantId, agents);
    else agentsByTenant.delete(tenantId);
  }

  function resize(tenantId: TenantId, by: 1 | -1): void {
    size += by;
    const own = (sizeByTenant.get(tenantId) ?? 0) + by;
    if (own > 0) sizeByTenant.set(tenantId, own);
    else sizeByTenant.delete(tenantId);
  }

  return {
    get size() {
      return size;
    },
    assertRoom(tenantId, count) {
      const own = sizeByTenant.get(tenantId) ?? 0;
      if (size + count <= maxWatches && own + count <= maxOfTenant) return;
      const [watched, limit] = size + count <= maxWatches ? [own, `${maxOfTenant} of a tenant`] : [size, maxWatches];
      const message = `${watched} resources are watched on this node, ${count} more exceed the limit of ${limit}`;
      throw new AppError("resource_exhausted", message, { reason: "too_many_subscriptions", retryAfterMs });
    },
    add(subject, watcher) {
      const key = keyOf(subject);
      const watchers = watchersByKey.get(key) ?? new Set();
      // one watcher may be added twice: each time is its own
      const own: Watcher = { uri: watcher.uri, tell: (uri) => watcher.tell(uri) };
      watchersByKey.set(key, watchers.add(own));
      countAgent(subject, 1);
      resize(subject.tenantId, 1);
      return () => {
        if (!watchers.delete(own)) return;
        resize(subject.tenantId, -1);
        countAgent(subject, -1);
        if (watchers.size === 0 && watchersByKey.get(key) === watchers) watchersByKey.delete(key);
      };
    },
    changed(subject) {
      const watchers = watchersByKey.get(keyOf(subject));
      if (watchers !== undefined) for (const { uri, tell } of [...watchers]) tell(uri);
    },
    agentsOf: (tenantId) => [...(agentsByTenant.get(tenantId)?.keys() ?? [])],
  };
}

function keyOf({ tenantId, kind, id }: Subject): string {
  return `${tenantId} ${kind} ${id}`;
}
