import type { TenantId, ToolServerId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createSeats, type Seats, type SeatWanted } from "./seats.ts";

const { signal } = new AbortController();
const want = (tenant: string, server: number): SeatWanted => ({
  tenantId: tenant as TenantId,
  serverId: `${tenant}${server}` as ToolServerId,
});
const open = (more: object = {}): Seats =>
  createSeats({ max: 64, maxOfTenant: 16, maxWaiting: 2, maxWaitMs: 20, ...more });

/** Takes as many as one tenant gets without waiting. */
async function takeAll(seats: Seats, tenant: string): Promise<readonly (() => void)[]> {
  const taken: (() => void)[] = [];
  for (let server = 0; server < 64; server += 1) {
    const leave = await seats.take(want(tenant, server), signal).catch(() => undefined);
    if (leave === undefined) break;
    taken.push(leave);
  }
  return taken;
}

describe("createSeats", () => {
  it("gives a tenant its share, and to each that comes fewer than are free", async () => {
    const seats = open({ maxWaitMs: 1 });
    const counts = [];
    for (const tenant of ["a", "b", "c", "d", "e"]) counts.push((await takeAll(seats, tenant)).length);
    expect(counts).toEqual([16, 16, 16, 8, 4]);
  });

  it("lets all calls of a server share a seat, until the last has left", async () => {
    const seats = open({ max: 1, maxOfTenant: 1 });
    const [first, second] = await Promise.all([1, 1].map((server) => seats.take(want("a", server), signal)));
    const other = seats.take(want("b", 1), signal);
    first?.();
    await expect(other).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "busy",
      message: "0 tool servers of the tenant are in use and 1 of all, of at most 1 and 1",
      retryAfterMs: expect.any(Number),
    });
    second?.();
    (await seats.take(want("b", 1), signal))();
  });

  it("hands a seat to who has fewest, and then to who came first", async () => {
    const seats = open({ max: 3, maxOfTenant: 3, maxWaitMs: 10_000 });
    const [a1] = [await seats.take(want("a", 1), signal), await seats.take(want("b", 1), signal)];
    const order: string[] = [];
    const wait = (tenant: string, server: number): Promise<void> =>
      seats.take(want(tenant, server), signal).then((leave) => {
        order.push(`${tenant}${server}`);
        leave();
      });
    const c = await seats.take(want("c", 1), signal);
    const all = [wait("b", 2), wait("a", 2), wait("d", 1), wait("d", 2)];
    c();
    await Promise.all(all.slice(2));
    a1();
    await Promise.all(all);
    expect(order.slice(0, 2)).toEqual(["d1", "d2"]);
    expect(order.slice(2).toSorted()).toEqual(["a2", "b2"]);
  });

  it("lets so many of a tenant wait, who may give up, and no more", async () => {
    const seats = open({ max: 1, maxOfTenant: 1, maxWaitMs: 10_000 });
    const leave = await seats.take(want("a", 1), signal);
    const stop = new AbortController();
    const waiting = [2, 3].map((server) => seats.take(want("a", server), stop.signal));
    await expect(seats.take(want("a", 4), signal)).rejects.toMatchObject({ reason: "busy" });
    const other = seats.take(want("b", 1), signal);
    stop.abort();
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: "cancelled" });
    leave();
    (await other)();
    await expect(seats.take(want("a", 1), stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  });
});
