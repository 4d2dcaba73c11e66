import { canonicalJson, type LaneId, type Requirements, type TenantId } from "@devmesh/models";
import type { LedgerStore } from "./store.ts";

/** Finds lanes, remembering those found lately. */
export interface Lanes {
  find(tenantId: TenantId, requirements: Requirements): Promise<LaneId>;
}

/** Lanes live on for a day after their last use; what is remembered for ten minutes is never gone. */
const rememberMs = 600_000;
const maxRemembered = 10_000;

/** A cache in front of the lanes, so that a submit with requirements seen before asks nothing of the store. */
export function createLanes(store: LedgerStore, now: () => number): Lanes {
  const remembered = new Map<string, { readonly lane: Promise<LaneId>; readonly until: number }>();

  function remember(key: string, lane: Promise<LaneId>): Promise<LaneId> {
    const oldest = remembered.keys().next();
    if (remembered.size >= maxRemembered && !oldest.done) remembered.delete(oldest.value);
    remembered.set(key, { lane, until: now() + rememberMs });
    lane.catch(() => remembered.delete(key));
    return lane;
  }

  async function ensure(tenantId: TenantId, requirements: Requirements): Promise<LaneId> {
    const [laneId] = await store.transaction([tenantId], (tx) => tx.ensureLanes([{ tenantId, requirements }]));
    if (laneId === undefined) throw new Error("no lane was made");
    return laneId;
  }

  return {
    find(tenantId, requirements) {
      const key = `${tenantId} ${canonicalJson(requirements)}`;
      const known = remembered.get(key);
      if (known !== undefined && known.until > now()) return known.lane;
      remembered.delete(key);
      return remember(key, ensure(tenantId, requirements));
    },
  };
}
