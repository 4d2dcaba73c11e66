import type { SearchAnswer } from "@devmesh/embedding";
import type { SearchMode } from "@devmesh/models";
import type { MemoryDeps } from "../memory-deps.ts";

/** Counts a search that asked for `mode`, and gives `meta` of its answer: what was done in the end, and why. */
export function toSearchMeta(
  { onSearch }: Pick<MemoryDeps, "onSearch">,
  asked: SearchMode,
  { mode, degraded, tookMs, explain }: Omit<SearchAnswer, "hits" | "explain"> & Partial<Pick<SearchAnswer, "explain">>,
): Readonly<Record<string, unknown>> {
  onSearch({ mode: asked, isDegraded: degraded !== undefined, tookMs });
  return { mode, tookMs, ...(degraded && { degraded }), ...(explain && { explain }) };
}
