import type { TenantId } from "@devmesh/models";

/** Things that wait, each once, of which tenants get theirs in turn. */
export interface Turns<Thing> {
  readonly size: number;
  /** What is there already is not added again; what exceeds the bounds is dropped. */
  add(things: readonly Thing[]): void;
  /** Takes the first out: one of each tenant after the other, and of each in the order in which they came. */
  take(limit: number): readonly Thing[];
}

/** How much may wait, in all and of one tenant. */
export interface TurnsBounds {
  readonly max: number;
  readonly maxPerTenant: number;
}

/** Makes an empty set of turns; `keyOf` tells what is the same. */
export function createTurns<Thing extends { readonly tenantId: TenantId }>(
  keyOf: (thing: Thing) => string,
  { max, maxPerTenant }: TurnsBounds,
): Turns<Thing> {
  // the tenant whose turn is next comes first
  const byTenant = new Map<TenantId, Map<string, Thing>>();
  let size = 0;

  function add(thing: Thing): void {
    const ofTenant = byTenant.get(thing.tenantId) ?? new Map<string, Thing>();
    const key = keyOf(thing);
    if (size >= max || ofTenant.size >= maxPerTenant || ofTenant.has(key)) return;
    ofTenant.set(key, thing);
    byTenant.set(thing.tenantId, ofTenant);
    size++;
  }

  function takeOne(): Thing | undefined {
    for (const [tenantId, ofTenant] of byTenant) {
      byTenant.delete(tenantId);
      for (const [key, thing] of ofTenant) {
        ofTenant.delete(key);
        if (ofTenant.size > 0) byTenant.set(tenantId, ofTenant);
        size--;
        return thing;
      }
    }
    return undefined;
  }

  return {
    get size() {
      return size;
    },
    add: (things) => {
      for (const thing of things) add(thing);
    },
    take(limit) {
      const taken: Thing[] = [];
      while (taken.length < limit) {
        const thing = takeOne();
        if (thing === undefined) break;
        taken.push(thing);
      }
      return taken;
    },
  };
}
