import {
  AppError,
  type ChunkId,
  type Collection,
  type ErrorBody,
  type SearchHit,
  type SearchMode,
  type SearchStep,
  type TenantId,
  toErrorBody,
  type Vector,
} from "@devmesh/models";
import { diversify } from "./diversify.ts";
import { type Fusion, fusionOf } from "./fusion-of.ts";
import {
  type MethodRuns,
  roundMs,
  runMethods,
  type SearchDeps,
  type SearchOrder,
  type SearchTerms,
} from "./run-methods.ts";
import { type ScoredChunk, scoreCandidates } from "./score-candidates.ts";

/** What was found, best first, and how. */
export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  /** What was done in the end: a hybrid search without its model is one by text. */
  readonly mode: SearchMode;
  /** Why a hybrid search went by text alone. */
  readonly degraded: ErrorBody | undefined;
  readonly tookMs: number;
  /** Where it was asked for. */
  readonly explain: SearchExplanation | undefined;
}

/** How a search went. */
export interface SearchExplanation {
  readonly mode: SearchMode;
  readonly models: readonly string[];
  /** Absent where nothing was embedded. */
  readonly query?: { readonly dimensions: number; readonly isFromCache: boolean };
  readonly fusion?: Fusion;
  /** Chunks that were weighed, before `minScore` and `limit`. */
  readonly candidates: number;
  readonly steps: readonly SearchStep[];
  readonly timingsMs: Readonly<Record<"embed" | "vector" | "text" | "fuse" | "load" | "total", number>>;
}

/**
 * Finds chunks in collections of one model, dimensions and distance; by text alone, in any. The query is embedded once, for
 * its purpose; both methods run side by side. Where the model can't be had, a hybrid search goes on by text and says so.
 * Hits are in the order of scores, or, with diversity, in the order in which they were picked.
 *
 * @throws AppError `invalid_argument` for collections that can't be searched together; what the model said, for a search by
 * vector (`unavailable`, `resource_exhausted`); `cancelled`.
 */
export async function searchCollections(deps: SearchDeps, order: SearchOrder): Promise<SearchAnswer> {
  const { collections, request } = order;
  assertSearchable(collections, request);
  const startedAt = deps.now();
  const run = await runMethods(deps, order);
  const { outage } = run.vector;
  const mode = outage === undefined ? request.mode : "text";
  const fusedAt = deps.now();
  const fusion = fusionOf(collections[0]?.model);
  const candidates = scoreCandidates(mode, { vector: run.vector.found, text: run.text.found }, fusion);
  const kept = candidates.filter(({ score }) => score >= (request.minScore ?? 0));
  const shown = request.diversity > 0 ? await pickDiverse(deps, order, kept) : kept.slice(0, request.limit);
  const loadedAt = deps.now();
  const hits = await load(deps, order.tenantId, shown);
  const endedAt = deps.now();
  const tookMs = roundMs(endedAt - startedAt);
  const degraded = outage && toErrorBody(outage);
  if (!request.explain) return { hits, mode, degraded, tookMs, explain: undefined };
  const timed = { fuse: roundMs(loadedAt - fusedAt), load: roundMs(endedAt - loadedAt), total: tookMs };
  const explain = explainRun(run, { mode, collections, fusion, candidates: candidates.length, timed });
  return { hits, mode, degraded, tookMs, explain };
}

function explainRun(
  { vector, text }: MethodRuns,
  { mode, collections, fusion, candidates, timed }: Explained,
): SearchExplanation {
  const { query, embedMs } = vector;
  return {
    mode,
    models: [...new Set(collections.map(({ model }) => model))],
    ...(query && { query: { dimensions: query.vector.length, isFromCache: query.isFromCache } }),
    ...(mode === "hybrid" && { fusion }),
    candidates,
    steps: [...vector.steps, ...text.steps],
    timingsMs: { embed: embedMs, vector: vector.tookMs, text: text.tookMs, ...timed },
  };
}

interface Explained extends Pick<SearchExplanation, "mode" | "candidates"> {
  readonly collections: readonly Collection[];
  readonly fusion: Fusion;
  readonly timed: Pick<SearchExplanation["timingsMs"], "fuse" | "load" | "total">;
}

/** @throws AppError `invalid_argument` naming the collections that differ. */
function assertSearchable(collections: readonly Collection[], { mode, diversity }: SearchTerms): void {
  // words need no model; how alike two hits are is told by their vectors
  if (mode === "text" && diversity === 0) return;
  const kinds = Map.groupBy(collections, ({ model, dimensions, distance }) => `${model}, ${dimensions}, ${distance}`);
  if (kinds.size <= 1) return;
  const named = [...kinds].map(([kind, ofKind]) => `${ofKind.map(({ name }) => name).join(", ")} (${kind})`);
  const message = `only collections of one model, dimensions and distance are searched together: ${named.join("; ")}`;
  throw new AppError("invalid_argument", message, { details: [{ path: "collections", message }] });
}

async function pickDiverse(
  { searches }: SearchDeps,
  { collections, request: { limit, diversity } }: SearchOrder,
  candidates: readonly ScoredChunk[],
): Promise<readonly ScoredChunk[]> {
  const byId = new Map(candidates.map((one) => [one.chunk.chunkId, one]));
  const vectors = new Map<ChunkId, Vector>();
  for (const collection of collections) {
    const ids = candidates.flatMap(({ chunk }) => (chunk.collectionId === collection.id ? chunk.chunkId : []));
    const found = ids.length === 0 ? [] : await searches.vectors(collection, ids);
    for (const [id, vector] of found) vectors.set(id, vector);
  }
  const weighed = candidates.map(({ chunk: { chunkId: id }, score }) => ({ id, score, vector: vectors.get(id) }));
  return diversify(weighed, { limit, diversity }).flatMap((id) => byId.get(id) ?? []);
}

/** A chunk that was deleted since it was found is left out. */
async function load(
  { searches }: SearchDeps,
  tenantId: TenantId,
  shown: readonly ScoredChunk[],
): Promise<readonly SearchHit[]> {
  if (shown.length === 0) return [];
  const loaded = await searches.load(
    tenantId,
    shown.map(({ chunk }) => chunk),
  );
  return shown.flatMap(({ chunk, score, ranks }) => {
    const hit = loaded.get(chunk.chunkId);
    return hit === undefined ? [] : [{ ...hit, score, ranks }];
  });
}
