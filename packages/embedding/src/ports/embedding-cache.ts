import type { Vector } from "@devmesh/models";

/** Remembers vectors. Losing one costs money and time, nothing else: a cache never throws, it forgets. */
export interface EmbeddingCache {
  /** For metrics: `memory`, `redis`, `postgres`. */
  readonly level: string;
  /** Those that it has, by key. Keys are SHA-256 in hex. */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Vector>>;
  setMany(entries: ReadonlyMap<string, Vector>): Promise<void>;
}
