import type { Metrics } from "@devmesh/observability";
import type { MemoryDeps } from "./routes/memory-deps.ts";

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
