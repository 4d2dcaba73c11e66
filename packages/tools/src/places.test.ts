import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPlaces } from "./places.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const { signal } = new AbortController();

describe("createPlaces", () => {
  it("lets in as many as there are places, and the next as one leaves, in the order of their coming", async () => {
    const places = createPlaces({ what: "x", max: 2, maxWaiting: 2, maxWaitMs: 1_000 });
    const [first] = [await places.take(signal), await places.take(signal)];
    const order: string[] = [];
    const third = places.take(signal).then((leave) => [order.push("third"), leave] as const);
    const fourth = places.take(signal).then((leave) => [order.push("fourth"), leave] as const);
    expect(places).toMatchObject({ inFlight: 2, waiting: 2 });
    first();
    (await third)[1]();
    await fourth;
    expect(order).toEqual(["third", "fourth"]);
    expect(places).toMatchObject({ inFlight: 2, waiting: 0 });
  });

  it("refuses who comes when too many wait, and who has waited too long", async () => {
    const places = createPlaces({ what: "tool server x", max: 1, maxWaiting: 1, maxWaitMs: 1_000 });
    const leave = await places.take(signal);
    const late = places.take(signal).catch((error: unknown) => error);
    const busy = {
      code: "resource_exhausted",
      reason: "busy",
      retryAfterMs: 1_000,
      message: "tool server x has 1 calls under way and 1 waiting, of at most 1 and 1",
    };
    await expect(places.take(signal)).rejects.toMatchObject(busy);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toMatchObject({ code: "resource_exhausted", reason: "busy" });
    leave();
    expect(places).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it("lets go of who gives up, and keeps nothing of it", async () => {
    const places = createPlaces({ what: "x", max: 1, maxWaiting: 1, maxWaitMs: 1_000 });
    const leave = await places.take(signal);
    const stop = new AbortController();
    const waiting = places.take(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await expect(places.take(stop.signal)).rejects.toMatchObject({ code: "cancelled" });
    expect(places.waiting).toBe(0);
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
    leave();
    expect(places.inFlight).toBe(0);
  });
});
