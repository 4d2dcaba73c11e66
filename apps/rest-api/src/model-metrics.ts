import type { EmbedderHooks } from "@devmesh/embedding";
import type { Metrics } from "@devmesh/observability";
import type { MemoryDeps } from "./routes/memory-deps.ts";

/** Counts what the embedder tells: cache levels, calls, failures, throttles and waits, by model and region. */
export function modelMetrics(metrics: Metrics): EmbedderHooks {
  const lookups = metrics.counter({
    name: "devmesh_embedding_cache_lookups_total",
    help: "Texts looked up in a level of the embedding cache",
    labels: ["level", "outcome"],
  });
  const texts = metrics.counter({
    name: "devmesh_embedded_texts_total",
    help: "Texts that a model embedded",
    labels: ["model", "region"],
  });
  const tokens = metrics.counter({
    name: "devmesh_embedding_tokens_total",
    help: "Tokens that models counted",
    labels: ["model", "region"],
  });
  const seconds = metrics.histogram({
    name: "devmesh_embedding_call_seconds",
    help: "Time of a call of a model",
    labels: ["model", "region"],
  });
  const failures = metrics.counter({
    name: "devmesh_embedding_failures_total",
    help: "Calls of models that gave nothing, throttled ones among them",
    labels: ["model", "region", "code"],
  });
  const failovers = metrics.counter({
    name: "devmesh_embedding_failovers_total",
    help: "Another model took over",
    labels: ["from", "to"],
  });
  return {
    onLookup(level, hits, misses) {
      lookups.inc({ level, outcome: "hit" }, hits);
      lookups.inc({ level, outcome: "miss" }, misses);
    },
    onCall({ model, region, texts: embedded, tokens: counted, tookMs }) {
      texts.inc({ model, region }, embedded);
      tokens.inc({ model, region }, counted);
      seconds.observe({ model, region }, tookMs / 1_000);
    },
    onFailure: ({ model, region, code }) => failures.inc({ model, region, code }),
    onFailover: ({ from, to }) => failovers.inc({ from, to }),
  };
}

/** Counts searches, and how long they take. */
export function searchMetrics(metrics: Metrics): MemoryDeps["onSearch"] {
  const seconds = metrics.histogram({
    name: "devmesh_search_seconds",
    help: "Time of a search, by what was asked for",
    labels: ["mode"],
  });
  const degraded = metrics.counter({
    name: "devmesh_searches_degraded_total",
    help: "Hybrid searches that went by text alone, because their model was away",
  });
  return ({ mode, isDegraded, tookMs }) => {
    seconds.observe({ mode }, tookMs / 1_000);
    if (isDegraded) degraded.inc();
  };
}
