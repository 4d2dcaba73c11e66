import type { Vector } from "@devmesh/models";
import { LRUCache } from "lru-cache";

/** The level nearest to the caller. Its vectors are shared: nobody writes to one. */
export interface MemoryCache {
  get(key: string): Vector | undefined;
  set(key: string, vector: Vector): void;
}

/** What an entry takes beside its numbers: the key's 64 characters and the bookkeeping, rounded up. */
const entryBytes = 256;

/** Keeps the vectors that were used last, up to `maxBytes` in all. */
export function createMemoryCache(maxBytes: number): MemoryCache {
  const vectors = new LRUCache<string, Vector>({
    maxSize: maxBytes,
    sizeCalculation: (vector) => vector.byteLength + entryBytes,
  });
  return {
    get: (key) => vectors.get(key),
    set: (key, vector) => {
      vectors.set(key, vector);
    },
  };
}
