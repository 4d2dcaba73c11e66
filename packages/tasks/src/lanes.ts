import { canonicalJson, type LaneId, type LimitId, type Requirements, type TenantId } from "@devmesh/models";
import { createLimits } from "./limits.ts";
import type { LedgerStore } from "./store.ts";

/** Finds lanes, remembering those found lately. */
export interface Lanes {
  /** For tasks with these labels: they and the type decide on the limits that the lane is subject to. */
  find(tenantId: TenantId, requirements: Requirements, labels?: readonly string[]): Promise<LaneId>;
}

/** Lanes live on for a day after their last use; what is remembered for ten minutes is never gone. */
const rememberMs = 600_000;
const maxRemembered = 10_000;

/** A cache in front of the lanes, so that a submit with requirements seen before asks nothing of the store. */
export function createLanes(store: LedgerStore, now: () => number): Lanes {
  const limits = createLimits(store, now);
  const remembered = new Map<string, { readonly lane: Promise<LaneId>; readonly until: number }>();

  function remember(key: string, lane: Promise<LaneId>): Promise<LaneId> {
    const oldest = remembered.keys().next();
    if (remembered.size >= maxRemembered && !oldest.done) remembered.delete(oldest.value);
    remembered.set(key, { lane, until: now() + rememberMs });
    lane.catch(() => remembered.delete(key));
    return lane;
  }

  async function ensure(tenantId: TenantId, requirements: Requirements, limitIds: readonly LimitId[]): Promise<LaneId> {
    const asked = { tenantId, requirements, limitIds };
    const [laneId] = await store.transaction([tenantId], (tx) => tx.ensureLanes([asked]));
    if (laneId === undefined) throw new Error("no lane was made");
    return laneId;
  }

  return {
    async find(tenantId, requirements, labels = []) {
      const limitIds = await limits.of({ tenantId, type: requirements.type, labels });
      const key = [tenantId, canonicalJson(requirements), ...limitIds].join(" ");
      const known = remembered.get(key);
      if (known !== undefined && known.until > now()) return known.lane;
      remembered.delete(key);
      return remember(key, ensure(tenantId, requirements, limitIds));
    },
  };
}
