import type { Vector } from "@devmesh/models";
import type { EmbeddingCache } from "../ports/embedding-cache.ts";
import type { MemoryCache } from "./memory-cache.ts";

/** All levels as one. */
export interface CacheLevels {
  /** In memory alone, at once. */
  peek(key: string): Vector | undefined;
  /**
   * From the first level that has each; what a lower one had is written to all above it. A vector of other dimensions is
   * as good as none.
   */
  getMany(keys: readonly string[], dimensions: number, signal: AbortSignal): Promise<ReadonlyMap<string, Vector>>;
  /** In memory alone, at once: so that it is there before anybody can miss it. */
  remember(key: string, vector: Vector): void;
  /** Into every level. */
  setMany(entries: ReadonlyMap<string, Vector>, signal: AbortSignal): Promise<void>;
}

/** What the levels are made of. */
export interface CacheLevelsOptions {
  readonly memory: MemoryCache;
  /** After memory, nearest first. */
  readonly caches: readonly EmbeddingCache[];
  /** A level that takes longer is passed over: it can only ever save time. */
  readonly maxWaitMs: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onLookup: (level: string, hits: number, misses: number) => void;
}

/** Reads through the levels, and writes back upwards. No failure of a level is ever a failure of the request. */
export function createCacheLevels(options: CacheLevelsOptions): CacheLevels {
  const { memory, caches, onLookup } = options;

  async function getMany(
    keys: readonly string[],
    dimensions: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Vector>> {
    const found = new Map<string, Vector>();
    for (const key of keys) {
      const vector = memory.get(key);
      if (vector !== undefined) found.set(key, vector);
    }
    onLookup("memory", found.size, keys.length - found.size);
    for (const [depth, cache] of caches.entries()) {
      const wanted = keys.filter((key) => !found.has(key));
      if (wanted.length === 0) break;
      const answered = (await within(() => cache.getMany(wanted), signal)) ?? [];
      const here = new Map([...answered].filter(([, vector]) => vector.length === dimensions));
      onLookup(cache.level, here.size, wanted.length - here.size);
      for (const [key, vector] of here) found.set(key, vector);
      await writeTo(caches.slice(0, depth), here, signal);
    }
    return found;
  }

  /** Writes to memory and to `above`. */
  async function writeTo(
    above: readonly EmbeddingCache[],
    entries: ReadonlyMap<string, Vector>,
    signal: AbortSignal,
  ): Promise<void> {
    if (entries.size === 0) return;
    for (const [key, vector] of entries) memory.set(key, vector);
    await Promise.all(above.map((cache) => within(() => cache.setMany(entries), signal)));
  }

  /** What `call` gives, or undefined where it fails or takes too long. */
  async function within<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const done = new AbortController();
    const tooLate = options.sleep(options.maxWaitMs, AbortSignal.any([done.signal, signal]));
    try {
      return await Promise.race([attempt(call), tooLate.then(() => undefined)]);
    } finally {
      done.abort();
    }
  }

  return {
    peek: memory.get,
    remember: memory.set,
    getMany,
    setMany: (entries, signal) => writeTo(caches, entries, signal),
  };
}

async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
