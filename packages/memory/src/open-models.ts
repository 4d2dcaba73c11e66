import { openBedrock, redisEmbeddingCache } from "@devmesh/adapters";
import {
  type ClaudeDeps,
  createEmbedder,
  embedderMetrics,
  embedLocally,
  type RoutingEmbedder,
} from "@devmesh/embedding";
import type { Metrics } from "@devmesh/observability";
import { type Database, postgresEmbeddingCache, usageLedger } from "@devmesh/repositories";
import { type ModelsConfig, monotonicClock, type Secret, sleep } from "@devmesh/runtime";

/** What embeds and what writes. */
export interface Models extends AsyncDisposable {
  readonly embedder: RoutingEmbedder;
  /** Undefined where there is no model that writes. */
  readonly claude: ClaudeDeps | undefined;
}

/** What models are opened with. */
export interface OpenModelsOptions {
  readonly config: ModelsConfig;
  /** Undefined: vectors are cached in the process and in the database alone. */
  readonly redisUrl: Secret | undefined;
  readonly database: Database;
  readonly metrics: Metrics;
}

/** Opens the models that a process may use, with the levels of cache that there are. Nothing is called before it is used. */
export function openModels({ config, redisUrl, database, metrics }: OpenModelsOptions): Models {
  const opened = new AsyncDisposableStack();
  const transports = config.provider === "bedrock" ? opened.use(openBedrock(config)).transports : [];
  const redis = redisUrl && opened.use(redisEmbeddingCache({ url: redisUrl.reveal() }));
  const ledger = usageLedger(database);
  const embedder = createEmbedder({
    transports,
    caches: [...(redis === undefined ? [] : [redis]), postgresEmbeddingCache(database)],
    ledger,
    embedLocally,
    now: monotonicClock,
    random: Math.random,
    sleep,
    hooks: embedderMetrics(metrics),
  });
  const claude = transports.length === 0 ? undefined : toClaude({ transports, ledger, model: config.claudeModel });
  return { embedder, claude, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function toClaude(deps: Pick<ClaudeDeps, "transports" | "ledger" | "model">): ClaudeDeps {
  return {
    ...deps,
    random: Math.random,
    sleep: async (ms, signal) => {
      await sleep(ms, signal);
      signal.throwIfAborted();
    },
  };
}
