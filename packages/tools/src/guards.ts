import type { TenantId, ToolServerId } from "@devmesh/models";
import { createPlaces, type Places } from "./places.ts";
import type { ToolBreaker, ToolTarget } from "./ports.ts";

/** What keeps one server's trouble its own. */
export interface Guard {
  readonly breaker: ToolBreaker;
  /** Waits for a place at the server, and among the tenant's calls; call what it gave when the call is over. */
  enter(signal: AbortSignal): Promise<() => void>;
}

/** The guards of all servers that were called. */
export interface Guards extends Disposable {
  of(target: ToolTarget): Guard;
  standingOf(serverId: ToolServerId): {
    readonly breaker: ToolBreaker["state"];
    readonly retryAfterMs: number;
    readonly inFlight: number;
    readonly waiting: number;
  };
  /** The next call has a breaker that knows of nothing. */
  forget(serverId: ToolServerId): void;
}

/** Bounds of the guards. */
export interface GuardLimits {
  readonly maxTenantCalls: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

interface Kept extends Guard {
  readonly version: number;
  readonly places: Places;
}

/** Of servers, and of tenants: what nobody uses is made anew. */
const maxKept = 4_096;

/** Makes the guards; a server has a fresh one after each change of it. */
export function createGuards(createBreaker: (operation: string) => ToolBreaker, limits: GuardLimits): Guards {
  const guards = new Map<ToolServerId, Kept>();
  const tenants = new Map<TenantId, Places>();

  function of(target: ToolTarget): Guard {
    const { id, version } = target.server;
    const known = guards.get(id);
    if (known?.version === version) return known;
    forget(id);
    dropIdle(guards, ({ places, breaker }) => isUnused(places) && breaker.state === "closed", forget);
    const guard = makeGuard(target);
    guards.set(id, guard);
    return guard;
  }

  function makeGuard({ tenantId, server }: ToolTarget): Kept {
    const what = `tool server ${server.name}`;
    const { maxWaiting, maxWaitMs, maxTenantCalls } = limits;
    // one server that hangs leaves half of the tenant's places to the others
    const max = Math.max(1, Math.min(server.maxConcurrency, Math.floor(maxTenantCalls / 2)));
    const places = createPlaces({ what, max, maxWaiting, maxWaitMs });
    return {
      version: server.version,
      places,
      breaker: createBreaker(what),
      enter: async (signal) => {
        const leaveServer = await places.take(signal);
        try {
          const leaveTenant = await placesOf(tenantId).take(signal);
          return () => {
            leaveTenant();
            leaveServer();
          };
        } catch (error) {
          leaveServer();
          throw error;
        }
      },
    };
  }

  function placesOf(tenantId: TenantId): Places {
    const known = tenants.get(tenantId);
    if (known !== undefined) return known;
    dropIdle(tenants, isUnused, (id) => tenants.delete(id));
    const { maxTenantCalls: max, maxWaiting, maxWaitMs } = limits;
    const places = createPlaces({ what: "the tenant", max, maxWaiting, maxWaitMs });
    tenants.set(tenantId, places);
    return places;
  }

  function forget(serverId: ToolServerId): void {
    guards.get(serverId)?.breaker[Symbol.dispose]();
    guards.delete(serverId);
  }

  return {
    of,
    standingOf: (serverId) => {
      const guard = guards.get(serverId);
      return {
        breaker: guard?.breaker.state ?? "closed",
        retryAfterMs: guard?.breaker.retryAfterMs ?? 0,
        inFlight: guard?.places.inFlight ?? 0,
        waiting: guard?.places.waiting ?? 0,
      };
    },
    forget,
    [Symbol.dispose]: () => {
      for (const serverId of [...guards.keys()]) forget(serverId);
    },
  };
}

function isUnused(places: Places): boolean {
  return places.inFlight === 0 && places.waiting === 0;
}

/** Makes room for one more, if there is somebody who isn't used: the first who is not, by `drop`. */
function dropIdle<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  isIdle: (value: Value) => boolean,
  drop: (key: Key) => void,
): void {
  if (map.size < maxKept) return;
  for (const [key, value] of map) {
    if (!isIdle(value)) continue;
    drop(key);
    return;
  }
}
