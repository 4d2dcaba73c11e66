import { setImmediate as breathe } from "node:timers/promises";
import { openBedrock, redisEmbeddingCache } from "@devmesh/adapters";
import { createEmbedder, embedderMetrics, embedLocally } from "@devmesh/embedding";
import type { NewId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import {
  collectionRepository,
  type Database,
  defaultStorageOf,
  documentRepository,
  postgresEmbeddingCache,
  searchRepository,
  usageLedger,
} from "@devmesh/repositories";
import { monotonicClock, sleep } from "@devmesh/runtime";
import { createCollectionWaiters } from "./collection-waiters.ts";
import type { RestConfig } from "./config.ts";
import { searchMetrics } from "./model-metrics.ts";
import type { MemoryDeps } from "./routes/memory-deps.ts";

/** A query's vector is worth waiting for so long; a hybrid search goes on without it then. */
const maxEmbedMs = 5_000;
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
  const stack = new AsyncDisposableStack();
  const { models, stores } = config;
  const transports = models.provider === "bedrock" ? stack.use(openBedrock(models)).transports : [];
  const redis = stores?.redisUrl && stack.use(redisEmbeddingCache({ url: stores.redisUrl.reveal() }));
  const embedder = createEmbedder({
    transports,
    caches: [...(redis === undefined ? [] : [redis]), postgresEmbeddingCache(database)],
    ledger: usageLedger(database),
    embedLocally,
    now: monotonicClock,
    random: Math.random,
    sleep,
    hooks: embedderMetrics(metrics),
  });
  return {
    embedder,
    collections: collectionRepository(database),
    documents: documentRepository(database),
    searches: searchRepository(database),
    collectionWaiters: createCollectionWaiters({ maxWatches, recheckMs, paceMs }),
    canWriteContexts: transports.length > 0,
    defaultStorage: defaultStorageOf(database),
    newId,
    breathe,
    now: () => performance.now(),
    newEmbedTimeout: () => AbortSignal.timeout(maxEmbedMs),
    nudgeEmbeddings,
    onSearch: searchMetrics(metrics),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
