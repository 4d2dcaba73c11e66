import type { Contexts, Memory } from "@devmesh/memory";
import type { SearchMode } from "@devmesh/models";
import type { CollectionWaiters } from "../collection-waiters.ts";

/** What the routes of embeddings, collections, documents and search stand on. */
export interface MemoryDeps extends Memory {
  readonly collectionWaiters: CollectionWaiters;
  /** Told how each search went. */
  readonly onSearch: (done: {
    readonly mode: SearchMode;
    readonly isDegraded: boolean;
    readonly tookMs: number;
  }) => void;
}

/** What the routes of contexts stand on. */
export interface ContextDeps extends Contexts {
  /** Tells the worker that something is to be made of a context, or one to be removed. */
  readonly nudgeContexts: () => void;
}
