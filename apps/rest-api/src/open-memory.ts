import { createMemory, openModels } from "@devmesh/memory";
import type { NewId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import type { Database } from "@devmesh/repositories";
import { createCollectionWaiters } from "./collection-waiters.ts";
import type { RestConfig } from "./config.ts";
import { searchMetrics } from "./model-metrics.ts";
import type { MemoryDeps } from "./routes/memory-deps.ts";

/** Requests that wait for collections. */
const maxWatches = 1_000;
const recheckMs = 2_000;
const paceMs = 200;

/** What memory is opened with. */
export interface OpenMemoryOptions {
  readonly config: RestConfig;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly newId: NewId;
  readonly nudgeEmbeddings: () => void;
}

/** Opens the models, and all that embeddings, collections, documents and search stand on. Nothing is called before it is used. */
export function openMemory(options: OpenMemoryOptions): MemoryDeps & AsyncDisposable {
  const { config, database, metrics, newId, nudgeEmbeddings } = options;
  const models = openModels({ config: config.models, redisUrl: config.stores?.redisUrl, database, metrics });
  return {
    ...createMemory({ database, models, newId, nudgeEmbeddings }),
    collectionWaiters: createCollectionWaiters({ maxWatches, recheckMs, paceMs }),
    onSearch: searchMetrics(metrics),
    [Symbol.asyncDispose]: () => models[Symbol.asyncDispose](),
  };
}
