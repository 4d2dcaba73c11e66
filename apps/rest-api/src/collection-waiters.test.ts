import type { CollectionId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createCollectionWaiters } from "./collection-waiters.ts";

const tenantId = "t" as TenantId;
const collectionId = "c" as CollectionId;
const ref = { tenantId, collectionId };
const { signal } = new AbortController();

test("wakes those who wait for a collection, and nobody of another tenant's", async () => {
  const waiters = createCollectionWaiters({ maxWatches: 10, recheckMs: 60_000, paceMs: 0 });
  using watch = waiters.watch(ref);
  using other = waiters.watch({ ...ref, tenantId: "other" as TenantId });
  const woken: string[] = [];
  const stop = new AbortController();
  const waiting = [
    watch.changed(60_000, signal).then(() => woken.push("own")),
    other.changed(60_000, stop.signal).then(() => woken.push("other")),
  ];
  waiters.onChanged([ref, ref]);
  await waiting[0];
  expect(woken).toEqual(["own"]);
  stop.abort();
  await waiting[1];
});

test("hears what came while nobody listened, and looks again after the time without a hint", async () => {
  const waiters = createCollectionWaiters({ maxWatches: 10, recheckMs: 1, paceMs: 0 });
  using watch = waiters.watch(ref);
  waiters.onChanged([ref]);
  await watch.changed(60_000, signal);
  await watch.changed(60_000, signal);
});

test("refuses one more than its limit, and takes the next when one has gone", () => {
  const waiters = createCollectionWaiters({ maxWatches: 1, recheckMs: 1, paceMs: 0 });
  const first = waiters.watch(ref);
  expect(() => waiters.watch(ref)).toThrow("1 requests wait for collections, the limit is 1");
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  waiters.watch(ref)[Symbol.dispose]();
});
