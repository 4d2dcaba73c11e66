import type {
  KnowledgeEntry,
  KnowledgeHit,
  KnowledgeId,
  KnowledgeReader,
  KnowledgeSearch,
  MetadataFilter,
  SearchHit,
  TenantId,
} from "@devmesh/models";
import type { KnowledgeAsker, KnowledgeStore } from "../ports/knowledge-store.ts";
import type { SearchAnswer } from "../search/search-collections.ts";

/** A search among the documents of a tenant's entries. */
export interface KnowledgeQuery extends Pick<KnowledgeSearch, "query" | "mode" | "minScore"> {
  readonly limit: number;
  readonly filter: MetadataFilter | undefined;
}

/** Chunks, and how they were found. */
type ChunksFound = Omit<SearchAnswer, "explain">;

/** Entries, best first, and how they were found. */
export interface KnowledgeFound extends Omit<ChunksFound, "hits"> {
  readonly hits: readonly KnowledgeHit[];
}

/** What searching for knowledge stands on. */
export interface KnowledgeSearchDeps {
  readonly store: Pick<KnowledgeStore, "findAll">;
  /** Chunks, best first, several of one entry among them; none where the tenant has no entries. */
  readonly search: (tenantId: TenantId, query: KnowledgeQuery, signal: AbortSignal) => Promise<ChunksFound>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Chunks that are asked for first, for one entry that is wanted: entries have several. */
const chunksPerEntry = 4;
const maxChunks = 100;
/** What an entry loses that nobody has used: one that is used much, and lately, loses nothing. */
const usageShare = 0.1;
/** So many uses count as much. */
const muchUsed = 1_000;
/** After it a use counts half. */
const halfLifeMs = 90 * 86_400_000;

/**
 * Finds entries that the asker may see, best first, each once. Who may see is asked of the index, so that others' entries
 * push nobody's own out, and again of the rows, which are right at once when access is narrowed.
 */
export async function searchKnowledge(
  { store, search, now }: KnowledgeSearchDeps,
  asker: KnowledgeAsker,
  { asked, signal }: { readonly asked: KnowledgeSearch; readonly signal: AbortSignal },
): Promise<KnowledgeFound> {
  const { limit } = asked;
  const { chunksByEntry, ...how } = await findBest(search, asker, { asked, signal });
  const entries = await store.findAll(asker, [...chunksByEntry.keys()]);
  const hits = entries.flatMap((entry) => {
    const chunk = chunksByEntry.get(entry.id);
    return chunk === undefined || !isAsked(entry, asked) ? [] : [toHit(entry, chunk, now())];
  });
  hits.sort((a, b) => b.score - a.score || (a.entry.id < b.entry.id ? -1 : 1));
  return { ...how, hits: hits.slice(0, limit) };
}

interface BestChunks extends Omit<ChunksFound, "hits"> {
  readonly chunksByEntry: ReadonlyMap<KnowledgeId, SearchHit>;
}

/** The best chunk of each entry. Where a few long entries have all that were asked for, as many as there may be are. */
async function findBest(
  search: KnowledgeSearchDeps["search"],
  { tenantId, reader }: KnowledgeAsker,
  { asked, signal }: { readonly asked: KnowledgeSearch; readonly signal: AbortSignal },
): Promise<BestChunks> {
  const { query, mode, minScore, limit } = asked;
  const filter = toFilter(asked, reader);
  const first = Math.min(maxChunks, limit * chunksPerEntry);
  const few = await search(tenantId, { query, mode, minScore, filter, limit: first }, signal);
  const chunksByEntry = firstOfEach(few.hits);
  const isAll = chunksByEntry.size >= limit || few.hits.length < first || first === maxChunks;
  if (isAll) return { ...few, chunksByEntry };
  const many = await search(tenantId, { query, mode, minScore, filter, limit: maxChunks }, signal);
  return { ...many, tookMs: few.tookMs + many.tookMs, chunksByEntry: firstOfEach(many.hits) };
}

function firstOfEach(chunks: readonly SearchHit[]): ReadonlyMap<KnowledgeId, SearchHit> {
  const first = new Map<KnowledgeId, SearchHit>();
  for (const chunk of chunks) {
    const id = chunk.externalId as KnowledgeId;
    if (!first.has(id)) first.set(id, chunk);
  }
  return first;
}

/** Between `1 − usageShare`, where nobody has used an entry, and 1. */
export function usageFactor({ uses, lastUsedAt }: Pick<KnowledgeEntry, "uses" | "lastUsedAt">, now: number): number {
  const ageMs = lastUsedAt === undefined ? 0 : Math.max(0, now - Date.parse(lastUsedAt));
  const weight = (Math.log1p(uses) / Math.log1p(muchUsed)) * 0.5 ** (ageMs / halfLifeMs);
  return 1 - usageShare * (1 - Math.min(1, weight));
}

function toHit(entry: Omit<KnowledgeEntry, "content">, chunk: SearchHit, now: number): KnowledgeHit {
  const { ranks, content, position, score } = chunk;
  return { entry, score: score * usageFactor(entry, now), ranks, content, position };
}

/** The index may lag behind the rows. */
function isAsked(entry: Omit<KnowledgeEntry, "content">, { access, category, tags = [] }: KnowledgeSearch): boolean {
  return (
    (access === undefined || entry.access === access) &&
    (category === undefined || entry.category === category) &&
    tags.every((tag) => entry.tags.includes(tag))
  );
}

function toFilter(
  { access, category, tags = [] }: KnowledgeSearch,
  reader: KnowledgeReader,
): MetadataFilter | undefined {
  const filters = [
    ...(reader.isAdmin ? [] : [seenBy(reader)]),
    ...(access === undefined ? [] : [equals("access", access)]),
    ...(category === undefined ? [] : [equals("category", category)]),
    ...tags.map((tag) => equals("tags", tag)),
  ];
  return filters.length === 0 ? undefined : { op: "and", filters };
}

function seenBy({ id, team }: KnowledgeReader): MetadataFilter {
  const filters = [equals("access", "tenant"), equals("owner", id)];
  if (team !== undefined) filters.push({ op: "and", filters: [equals("access", "team"), equals("team", team)] });
  return { op: "or", filters };
}

function equals(field: string, value: string): MetadataFilter {
  return { op: "eq", path: [field], value };
}
