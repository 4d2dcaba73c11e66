import type { Vector } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { fakeCache, makeClock } from "../../test/_fake-models.ts";
import { findModel } from "../catalogue/all-models.ts";
import type { EmbeddingCache } from "../ports/embedding-cache.ts";
import { cacheKey } from "./cache-key.ts";
import { type CacheLevels, createCacheLevels } from "./cache-levels.ts";
import { createMemoryCache } from "./memory-cache.ts";
import { normaliseText } from "./normalise-text.ts";

const signal = new AbortController().signal;
const [one, two] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];

function makeLevels(...caches: EmbeddingCache[]): {
  levels: CacheLevels;
  lookups: unknown[];
  clock: { now(): number };
} {
  const lookups: unknown[] = [];
  const clock = makeClock();
  const onLookup = (...looked: unknown[]): void => void lookups.push(looked);
  return {
    clock,
    lookups,
    levels: createCacheLevels({
      memory: createMemoryCache(10_000),
      caches,
      maxWaitMs: 500,
      sleep: clock.sleep,
      onLookup,
    }),
  };
}

describe("levels", () => {
  test("are asked from the nearest on, each for what those above lacked", async () => {
    const [redis, postgres] = [fakeCache("redis"), fakeCache("postgres")];
    redis.entries.set("a", one);
    postgres.entries.set("b", two);
    const { levels, lookups } = makeLevels(redis, postgres);
    expect(await levels.getMany(["a", "b", "c"], 2, signal)).toEqual(
      new Map<string, Vector>([
        ["a", one],
        ["b", two],
      ]),
    );
    expect(lookups).toEqual([
      ["memory", 0, 3],
      ["redis", 1, 2],
      ["postgres", 1, 1],
    ]);
  });

  test("get what a lower one had", async () => {
    const [redis, postgres] = [fakeCache("redis"), fakeCache("postgres")];
    postgres.entries.set("b", two);
    const { levels, lookups } = makeLevels(redis, postgres);
    await levels.getMany(["b"], 2, signal);
    expect(redis.entries.get("b")).toBe(two);
    expect(levels.peek("b")).toBe(two);
    lookups.length = 0;
    await levels.getMany(["b"], 2, signal);
    expect(lookups).toEqual([["memory", 1, 0]]);
  });

  test("are all written to", async () => {
    const [redis, postgres] = [fakeCache("redis"), fakeCache("postgres")];
    const { levels } = makeLevels(redis, postgres);
    await levels.setMany(new Map([["a", one]]), signal);
    expect([levels.peek("a"), redis.entries.get("a"), postgres.entries.get("a")]).toEqual([one, one, one]);
  });

  test("that fail are as good as empty", async () => {
    const broken: EmbeddingCache = {
      level: "redis",
      getMany: () => {
        throw new Error("ECONNREFUSED");
      },
      setMany: () => Promise.reject(new Error("ECONNREFUSED")),
    };
    const postgres = fakeCache("postgres");
    postgres.entries.set("a", one);
    const { levels } = makeLevels(broken, postgres);
    expect((await levels.getMany(["a"], 2, signal)).get("a")).toBe(one);
    await levels.setMany(new Map([["b", two]]), signal);
    expect(postgres.entries.get("b")).toBe(two);
  });

  test("that hang are passed over after half a second", async () => {
    const never = new Promise<never>(() => undefined);
    const hanging: EmbeddingCache = { level: "redis", getMany: () => never, setMany: () => never };
    const postgres = fakeCache("postgres");
    postgres.entries.set("a", one);
    const { levels, clock } = makeLevels(hanging, postgres);
    const startedAt = clock.now();
    expect((await levels.getMany(["a"], 2, signal)).get("a")).toBe(one);
    expect(clock.now() - startedAt).toBe(1_000);
  });
});

describe("memory", () => {
  test("holds no more bytes than it may, and forgets what was used longest ago", () => {
    const memory = createMemoryCache(3 * (256 + 400));
    const vector = new Float32Array(100);
    for (const key of ["a", "b", "c"]) memory.set(key, vector);
    memory.get("a");
    memory.set("d", vector);
    expect(["a", "b", "c", "d"].filter((key) => memory.get(key) !== undefined)).toEqual(["a", "c", "d"]);
    memory.set("e", new Float32Array(10_000));
    expect(memory.get("e")).toBeUndefined();
  });
});

describe("a key", () => {
  const titan = { model: findModel("amazon.titan-embed-text-v2:0"), dimensions: 256, purpose: "query" } as const;
  const cohere = { model: findModel("cohere.embed-v4:0"), dimensions: 256, purpose: "query" } as const;

  test("is SHA-256 of model, dimensions, purpose and text", () => {
    expect(cacheKey(titan, "fox")).toBe("6aff59c3bd4d0c7654ac69949cdbeedb7f07c326c56d2823a207810541fb9646");
  });

  test("tells models, dimensions and texts apart, and purposes where the model does", () => {
    const keys = [
      cacheKey(titan, "fox"),
      cacheKey(cohere, "fox"),
      cacheKey({ ...titan, dimensions: 512 }, "fox"),
      cacheKey(titan, "Fox"),
      cacheKey({ ...cohere, purpose: "document" }, "fox"),
    ];
    expect(new Set(keys).size).toBe(5);
    expect(cacheKey({ ...titan, purpose: "document" }, "fox")).toBe(keys[0]);
  });
});

test.each([
  ["\u00a0 fox\r\n", "fox"],
  ["a\r\nb\rc\n", "a\nb\nc"],
  ["cafe\u0301", "caf\u00e9"],
  ["A  b\tC", "A  b\tC"],
  ["\n\t ", ""],
])("%j is embedded as %j", (text, normalised) => {
  expect(normaliseText(text)).toBe(normalised);
  expect(normaliseText(normalised)).toBe(normalised);
});
