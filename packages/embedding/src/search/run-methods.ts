import type {
  AppError,
  Collection,
  FoundChunk,
  MetadataFilter,
  SearchRequest,
  SearchStep,
  TenantId,
} from "@devmesh/models";
import type { MethodRequest, MethodResult, SearchStore } from "../ports/search-store.ts";
import { type EmbeddedQuery, type EmbedQueryDeps, embedQuery, toModelOutage } from "./embed-query.ts";
import { mergeFound } from "./score-candidates.ts";

/** What a search stands on. */
export interface SearchDeps extends EmbedQueryDeps {
  readonly searches: SearchStore;
  /** Milliseconds, rising. */
  readonly now: () => number;
}

/** What is searched for, its filter parsed. */
export type SearchTerms = Omit<SearchRequest, "collections" | "filter"> & {
  readonly filter?: MetadataFilter | undefined;
  /** As in {@link MethodRequest}. */
  readonly countsFiltered?: boolean | undefined;
};

/** A search of some collections of a tenant. */
export interface SearchOrder {
  readonly tenantId: TenantId;
  readonly collections: readonly Collection[];
  readonly request: SearchTerms;
  readonly signal: AbortSignal;
}

/** What one method found over all collections, best first. */
export interface MethodRun {
  readonly found: readonly FoundChunk[];
  readonly steps: readonly SearchStep[];
  readonly tookMs: number;
}

/** The same by vector, with what became of the query. */
export interface VectorRun extends MethodRun {
  readonly embedMs: number;
  readonly query: EmbeddedQuery | undefined;
  /** Why the model could not be had, in a search that goes on without it. */
  readonly outage: AppError | undefined;
}

/** What all methods found; one that was not asked for, nothing. */
export interface MethodRuns {
  readonly vector: VectorRun;
  readonly text: MethodRun;
}

/** Methods look this much further than what is shown, so that fusion and diversity have something to choose from. */
const depthFactor = 3;
const minDepth = 50;
/** Collections searched at a time: a search must not take all connections of the pool. */
const collectionsAtOnce = 4;

const notRun = { found: [], steps: [], tookMs: 0 } as const;

/**
 * Runs the methods of a search side by side. A hybrid search whose model can't be had has an `outage`, and what was found
 * by text.
 *
 * @throws AppError what either method threw first; the other one is stopped then.
 */
export async function runMethods(deps: SearchDeps, order: SearchOrder): Promise<MethodRuns> {
  const stop = new AbortController();
  const stoppable = { ...order, signal: AbortSignal.any([order.signal, stop.signal]) };
  const { mode } = order.request;
  try {
    const [vector, text] = await Promise.all([
      mode === "text" ? { ...notRun, embedMs: 0, query: undefined, outage: undefined } : runVector(deps, stoppable),
      mode === "vector" ? notRun : runText(deps, stoppable),
    ]);
    return { vector, text };
  } catch (caught) {
    stop.abort();
    throw caught;
  }
}

/** Milliseconds as they are shown: to the microsecond. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

async function runVector(deps: SearchDeps, order: SearchOrder): Promise<VectorRun> {
  const startedAt = deps.now();
  const { query, outage } = await embedOrGoOn(deps, order);
  const embedMs = roundMs(deps.now() - startedAt);
  if (query === undefined) return { ...notRun, embedMs, query, outage };
  const { vector } = query;
  const { efSearch } = order.request;
  const run = await runEach(deps, order, (terms) => deps.searches.byVector({ ...terms, vector, efSearch }));
  return { ...run, embedMs, query, outage };
}

async function embedOrGoOn(
  deps: SearchDeps,
  { tenantId, collections: [collection], request, signal }: SearchOrder,
): Promise<Pick<VectorRun, "query" | "outage">> {
  if (collection === undefined) return { query: undefined, outage: undefined };
  try {
    return { query: await embedQuery(deps, request.query, { tenantId, collection, signal }), outage: undefined };
  } catch (caught) {
    const outage = request.mode === "hybrid" ? toModelOutage(caught) : undefined;
    if (outage === undefined) throw caught;
    return { query: undefined, outage };
  }
}

async function runText(deps: SearchDeps, order: SearchOrder): Promise<MethodRun> {
  const { query } = order.request;
  return runEach(deps, order, (terms) => deps.searches.byText({ ...terms, query }));
}

async function runEach(
  { now }: SearchDeps,
  { collections, request, signal }: SearchOrder,
  search: (terms: MethodRequest) => Promise<MethodResult>,
): Promise<MethodRun> {
  const startedAt = now();
  const limit = depthOf(request);
  const { filter, countsFiltered, explain } = request;
  const results: MethodResult[] = [];
  for (let from = 0; from < collections.length; from += collectionsAtOnce) {
    const group = collections.slice(from, from + collectionsAtOnce);
    const searches = group.map((collection) => search({ collection, filter, countsFiltered, limit, explain, signal }));
    results.push(...(await Promise.all(searches)));
  }
  const found = mergeFound(
    results.map((result) => result.found),
    limit,
  );
  return { found, steps: results.map(({ step }) => step), tookMs: roundMs(now() - startedAt) };
}

function depthOf({ mode, limit, diversity }: SearchTerms): number {
  return mode === "hybrid" || diversity > 0 ? Math.max(minDepth, depthFactor * limit) : limit;
}
