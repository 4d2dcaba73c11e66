import { AppError } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { createBatchWriter } from "./batch-writer.ts";

/** A writer whose batches are kept, each until it is let go. */
function gated(
  options: {
    maxBatch?: number;
    concurrency?: number;
    maxWaiting?: number;
    weigh?: (n: number) => number;
    keyOf?: (n: number) => string;
    ownerOf?: (n: number) => string;
    linger?: { from: number; maxMs: number };
  } = {},
) {
  const batches: (readonly number[])[] = [];
  const gates: (() => void)[] = [];
  const writer = createBatchWriter<number, string>({
    maxBatch: 10,
    concurrency: 1,
    maxWaiting: 100,
    ...options,
    run: async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => gates.push(resolve));
      return items.map((item) => `#${item}`);
    },
  });
  return { writer, batches, release: () => gates.shift()?.() };
}

const turn = () => new Promise(setImmediate);
async function turns(count = 4): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

describe("a batch writer", () => {
  test("writes together what is added in one turn, and gives each its own result", async () => {
    const { writer, batches, release } = gated();
    const results = Promise.all([1, 2, 3].map((item) => writer.add(item)));
    await turns();
    release();
    expect(await results).toEqual(["#1", "#2", "#3"]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test("gathers what comes while a batch is under way", async () => {
    const { writer, batches, release } = gated();
    const first = writer.add(1);
    await turns();
    const others = [writer.add(2), writer.add(3)];
    await turns();
    expect(batches).toEqual([[1]]);
    release();
    await first;
    await turns();
    release();
    expect(await Promise.all(others)).toEqual(["#2", "#3"]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test("has no more batches under way than it may", async () => {
    const { writer, batches, release } = gated({ maxBatch: 1, concurrency: 2 });
    const results = Promise.all([1, 2, 3, 4].map((item) => writer.add(item)));
    await turns();
    expect(batches).toEqual([[1], [2]]);
    release();
    await turns();
    expect(batches).toEqual([[1], [2], [3]]);
    for (let n = 0; n < 3; n++) {
      release();
      await turns();
    }
    expect(await results).toEqual(["#1", "#2", "#3", "#4"]);
  });

  test("fills a batch by weight, and takes alone what is heavier than a batch", async () => {
    const { writer, batches, release } = gated({ maxBatch: 10, weigh: (weight) => weight });
    const results = Promise.all([4, 6, 1, 99, 2].map((item) => writer.add(item)));
    for (let n = 0; n < 5; n++) {
      await turns();
      release();
    }
    await results;
    expect(batches).toEqual([[4, 6], [1, 2], [99]]);
  });

  test("lets owners take turns where more waits than fits, each in its own order", async () => {
    const { writer, batches, release } = gated({ maxBatch: 4, ownerOf: (n) => String(Math.floor(n / 100)) });
    const all = Promise.all([101, 102, 103, 104, 105, 201, 301, 302].map((item) => writer.add(item)));
    for (let batch = 0; batch < 2; batch++) {
      await turns();
      release();
    }
    expect(await all).toHaveLength(8);
    expect(batches).toEqual([
      [101, 201, 301, 102],
      [302, 103, 104, 105],
    ]);
  });

  test("keeps items of one key in their order, and out of two batches at once", async () => {
    const { writer, batches, release } = gated({ maxBatch: 2, concurrency: 2, keyOf: (n) => String(n % 10) });
    const results = Promise.all([1, 2, 11, 21, 3].map((item) => writer.add(item)));
    await turns();
    expect(batches).toEqual([[1, 2], [3]]);
    for (let n = 0; n < 3; n++) {
      release();
      await turns();
    }
    expect(batches).toEqual([[1, 2], [3], [11, 21]]);
    expect(await results).toEqual(["#1", "#2", "#11", "#21", "#3"]);
  });

  test.each([
    [3, [{ value: 10 }, { value: 20 }], 4],
    [4, [{ value: 10 }, { value: 20 }], 5],
  ])("does a batch again that lost %i races, whole three times, then one by one", async (races, results, runs) => {
    const batches: (readonly number[])[] = [];
    const writer = createBatchWriter<number, number>({
      maxBatch: 10,
      concurrency: 1,
      maxWaiting: 100,
      run: async (items) => {
        batches.push(items);
        if (batches.length <= races) throw new AppError("conflict", "deadlock", { reason: "serialization" });
        return items.map((item) => item * 10);
      },
    });
    expect(await Promise.allSettled([1, 2].map((item) => writer.add(item)))).toMatchObject(results);
    expect(batches.slice(0, 4)).toEqual(Array(4).fill([1, 2]));
    expect(batches.length).toBeGreaterThanOrEqual(runs);
  });

  test("refuses what is over its bound, and takes more once there is room", async () => {
    const { writer, release } = gated({ maxWaiting: 2 });
    const first = [writer.add(1), writer.add(2)];
    await expect(writer.add(3)).rejects.toMatchObject({
      code: "resource_exhausted",
      message: "2 writes are waiting, the limit is 2",
      retryAfterMs: 1_000,
    });
    await turns();
    const later = writer.add(4);
    release();
    await Promise.all(first);
    await turns();
    release();
    expect(await later).toBe("#4");
  });

  function failing(error: unknown, bad = 2) {
    const batches: (readonly number[])[] = [];
    const writer = createBatchWriter<number, number>({
      maxBatch: 10,
      concurrency: 1,
      maxWaiting: 100,
      run: async (items) => {
        batches.push(items);
        if (items.includes(bad)) throw error;
        return items.map((item) => item * 10);
      },
    });
    return { writer, batches };
  }

  test("does a failed batch again one by one: a bad item harms no other", async () => {
    const { writer, batches } = failing(new AppError("conflict", "lost"));
    const results = await Promise.allSettled([1, 2, 3].map((item) => writer.add(item)));
    expect(results).toMatchObject([{ value: 10 }, { reason: { code: "conflict" } }, { value: 30 }]);
    expect(batches).toEqual([[1, 2, 3], [1], [2], [3]]);
  });

  test.each(["unavailable", "deadline_exceeded"] as const)("does not try again where all would be %s", async (code) => {
    const { writer, batches } = failing(new AppError(code, "no database"));
    const results = await Promise.allSettled([1, 2, 3].map((item) => writer.add(item)));
    expect(results).toMatchObject(Array(3).fill({ reason: { code } }));
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test("goes on after a batch that failed", async () => {
    const { writer } = failing(new AppError("unavailable", "no database"));
    await expect(writer.add(2)).rejects.toThrow("no database");
    expect(await writer.add(1)).toBe(10);
  });

  test("fails loudly where results are missing", async () => {
    const writer = createBatchWriter<number, number>({
      maxBatch: 9,
      concurrency: 1,
      maxWaiting: 9,
      run: async () => [],
    });
    await expect(writer.add(1)).rejects.toThrow("0 results for 1 writes");
  });

  test("after a batch of many waits for those that were answered with it to ask again", async () => {
    const { writer, batches, release } = gated({ linger: { from: 2, maxMs: 1_000 } });
    const first = Promise.all([1, 2].map((item) => writer.add(item)));
    await turns();
    const waited = writer.add(3);
    // long enough for half of it to be more than some turns of the event loop on a busy machine
    const begunAt = performance.now();
    while (performance.now() - begunAt < 500) await turn();
    release();
    await first;
    await turns();
    const again = [4, 5].map((item) => writer.add(item));
    expect(batches).toEqual([[1, 2]]);
    await expect
      .poll(() => batches)
      .toEqual([
        [1, 2],
        [3, 4, 5],
      ]);
    release();
    await Promise.all([waited, ...again]);
  });
});
