import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBulkhead } from "./bulkhead.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Calls that end when they are told to. */
function createCalls() {
  const begun: string[] = [];
  const ends = new Map<string, { finish: () => void; fail: () => void }>();
  const call = (name: string) => (): Promise<string> => {
    begun.push(name);
    return new Promise((resolve, reject) =>
      ends.set(name, { finish: () => resolve(name), fail: () => reject(new Error(name)) }),
    );
  };
  return {
    begun,
    call,
    finish: (name: string) => ends.get(name)?.finish(),
    fail: (name: string) => ends.get(name)?.fail(),
  };
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe("createBulkhead", () => {
  it("lets calls in in the order of their coming, as others end, however they end", async () => {
    const { signal } = new AbortController();
    const bulkhead = createBulkhead("bedrock x", { maxCalls: 2, maxWaiting: 3 });
    const { begun, call, finish, fail } = createCalls();
    const results = ["a", "b", "c", "d", "e"].map((name) =>
      bulkhead.run(call(name), signal).catch(() => `${name} failed`),
    );
    await settle();
    expect(begun).toEqual(["a", "b"]);
    fail("b");
    await settle();
    expect(begun).toEqual(["a", "b", "c"]);
    finish("a");
    finish("c");
    await settle();
    expect(begun).toEqual(["a", "b", "c", "d", "e"]);
    finish("d");
    finish("e");
    expect(await Promise.all(results)).toEqual(["a", "b failed", "c", "d", "e"]);
    // nothing was lost on the way: there are two places again
    void bulkhead.run(call("f"), signal);
    void bulkhead.run(call("g"), signal);
    await settle();
    expect(begun.slice(5)).toEqual(["f", "g"]);
  });

  it("refuses who comes when too many wait, and who has waited too long, and gives the place to the next", async () => {
    const { signal } = new AbortController();
    const bulkhead = createBulkhead("bedrock x", { maxCalls: 1, maxWaiting: 2, maxWaitMs: 1_000 });
    const { begun, call, finish } = createCalls();
    void bulkhead.run(call("a"), signal);
    const late = bulkhead.run(call("late"), signal);
    late.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(600);
    void bulkhead.run(call("c"), signal);
    await expect(bulkhead.run(call("d"), signal)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "bulkhead_full",
      retryAfterMs: 500,
      message: "bedrock x has 1 calls under way and 2 waiting, of at most 1 and 2",
    });
    await vi.advanceTimersByTimeAsync(400);
    await expect(late).rejects.toMatchObject({ reason: "bulkhead_full" });
    finish("a");
    await settle();
    expect(begun).toEqual(["a", "c"]);
  });

  it("leaves nothing at a signal that many calls share, and lets go of who left", async () => {
    const shared = new AbortController();
    const bulkhead = createBulkhead("bedrock x", { maxCalls: 1 });
    const { begun, call, finish } = createCalls();
    const first = bulkhead.run(call("a"), new AbortController().signal);
    const waiting = Array.from({ length: 50 }, (_, at) => bulkhead.run(call(`w${at}`), shared.signal));
    const outcomes = Promise.allSettled(waiting);
    expect(getEventListeners(shared.signal, "abort")).toHaveLength(50);
    shared.abort();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: "cancelled" } });
    expect(getEventListeners(shared.signal, "abort")).toHaveLength(0);
    await expect(bulkhead.run(call("b"), shared.signal)).rejects.toMatchObject({ code: "cancelled" });
    finish("a");
    await first;
    void bulkhead.run(call("c"), new AbortController().signal);
    await settle();
    expect(begun).toEqual(["a", "c"]);
  });
});
