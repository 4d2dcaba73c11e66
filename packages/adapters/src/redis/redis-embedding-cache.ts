import type { Vector } from "@devmesh/models";
import { Redis } from "ioredis";
import { type BreakerOptions, createBreaker } from "../breaker.ts";
import { redisOptions } from "./redis-options.ts";

/** Which Redis, and how long it keeps a vector. */
export interface RedisEmbeddingCacheOptions {
  readonly url: string;
  /** From when it was written. Default 7 days. */
  readonly ttlMs?: number;
  /** What a command may take. Default 250 ms: longer than that, asking the next level is quicker. */
  readonly limitMs?: number;
  /** Default: opens when more than half of five or more failed in 10 s, for 5 s. */
  readonly breaker?: BreakerOptions;
}

/** Vectors by key, in Redis or Valkey. It never throws: what it can't have it forgets. */
export interface RedisEmbeddingCache extends AsyncDisposable {
  readonly level: "redis";
  /** Those that it has, by key. */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Vector>>;
  setMany(entries: ReadonlyMap<string, Vector>): Promise<void>;
}

const defaultTtlMs = 7 * 24 * 3_600_000;
/** Of 1,024 dimensions that is 1 MiB, for which Redis lets others wait about a millisecond. */
const keysPerCommand = 256;

const keyOf = (key: string): string => `devmesh:embedding:${key}`;

/**
 * Opens the cache, on a connection of its own. Keys are `devmesh:embedding:<key>`; values are 32-bit floats, little-endian,
 * 4 bytes a dimension. While Redis is away it costs nothing; while it hangs, some calls `limitMs`, and then nothing.
 */
export function redisEmbeddingCache(options: RedisEmbeddingCacheOptions): RedisEmbeddingCache {
  const { url, ttlMs = defaultTtlMs, limitMs = 250 } = options;
  const redis = new Redis(url, { ...redisOptions, commandTimeout: limitMs });
  // Without a listener ioredis writes each failed attempt to the console; the fan-out beside it logs them.
  redis.on("error", () => undefined);
  const breaker = createBreaker("redis embedding cache", options.breaker);

  /** Undefined where Redis is away, late, or lost on the way. */
  async function ask<T>(command: () => Promise<T>): Promise<T | undefined> {
    if (redis.status !== "ready" || breaker.isOpen) return undefined;
    return await breaker.run(command).catch(() => undefined);
  }

  return {
    level: "redis",
    getMany: async (keys) => {
      const parts = await Promise.all(
        cut(keys).map(async (part) => {
          const values = await ask(() => redis.mgetBuffer(part.map(keyOf)));
          return part.flatMap((key, index) => toEntry(key, values?.[index]));
        }),
      );
      return new Map(parts.flat());
    },
    setMany: async (entries) => {
      for (const part of cut([...entries])) {
        // what is sent in one turn of the event loop goes in one pipeline
        const send = (): Promise<unknown> =>
          Promise.all(part.map(([key, vector]) => redis.set(keyOf(key), toBytes(vector), "PX", Math.ceil(ttlMs))));
        if ((await ask(send)) === undefined) return;
      }
    },
    [Symbol.asyncDispose]: () => {
      breaker[Symbol.dispose]();
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** Node runs on little-endian machines alone. */
function toBytes(vector: Vector): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** None where there is no value, or one that is no vector of ours. The bytes are copied: they stood in a larger buffer. */
function toEntry(key: string, bytes: Buffer | null | undefined): readonly (readonly [string, Vector])[] {
  if (bytes === null || bytes === undefined || bytes.length === 0 || bytes.length % 4 !== 0) return [];
  const vector = new Float32Array(bytes.length / 4);
  new Uint8Array(vector.buffer).set(bytes);
  // one number that is not finite makes the sum so: a quarter of the time that asking each takes
  let sum = 0;
  for (const value of vector) sum += value;
  return Number.isFinite(sum) ? [[key, vector]] : [];
}

function cut<T>(items: readonly T[]): ReadonlyArray<readonly T[]> {
  const count = Math.ceil(items.length / keysPerCommand);
  return Array.from({ length: count }, (_, part) => items.slice(part * keysPerCommand, (part + 1) * keysPerCommand));
}
