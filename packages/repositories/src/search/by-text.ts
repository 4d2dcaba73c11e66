import type { ChunkId, DocumentId, FoundChunk } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { joinSql, type Sql, sql, unnest } from "../database/sql.ts";
import { filterPath } from "./filter-path.ts";
import { runPlanned, toStep } from "./measured.ts";
import type { MethodRequest, MethodResult, SearchBounds } from "./search-repository.ts";

type TextRequest = MethodRequest & { readonly query: string };

/** A word of the query that is in the collection. */
interface Word {
  /** As tsquery. */
  readonly query: string;
  /** In how many chunks it is; past {@link maxCounted}, about. */
  readonly chunks: number;
}

/** More words of one query than these, the rarest, are not looked for. Judgement. */
const maxWords = 24;
/** More words than these are not even counted. Judgement. */
const maxLookedUp = 100;
/** A word is counted no further, but estimated. Judgement. */
const maxCounted = 1_000;

/**
 * Chunks that hold all of the query's words, and of those that hold some, those of the rarest. Each word counts by how
 * rare it is in the collection (its inverse frequency, as BM25 has it) times how much of the chunk it is (`ts_rank`, in
 * which a heading counts more). Words that the language leaves out, such as "the", are not looked for.
 */
export async function searchByText(
  tx: Queryable,
  request: TextRequest,
  { maxWeighed }: SearchBounds,
): Promise<MethodResult> {
  const started = performance.now();
  const { explain, limit } = request;
  const { words, total } = await findWords(tx, request);
  if (words.length === 0) return toResult(request, { strategy: "no word of it", started });
  // before a new partition has statistics the planner takes it for small, and would rather read all of it
  await tx.query(sql`select set_config('enable_seqscan', 'off', true), set_config('enable_material', 'off', true)`);
  const rare = takeRare(words, maxWeighed);
  const run = (looked: readonly Sql[]) =>
    runPlanned<FoundRow>(tx, weigh(request, { words, total, looked, maxWeighed }), explain);
  const isAll = rare.length === words.length;
  const looked = isAll ? [holdingAny(rare)] : [holdingAll(words), holdingAny(rare)];
  const first = await run(looked);
  const isShort = first.rows.length < limit && !isAll;
  const last = isShort ? await run([...looked, holdingAny(words)]) : first;
  const strategy = `gin ${isShort ? words.length : rare.length} of ${words.length} words`;
  const plan = isShort ? [...first.plan, ...last.plan] : first.plan;
  return toResult(request, { strategy, started, rows: last.rows, plan });
}

interface Outcome {
  readonly strategy: string;
  readonly started: number;
  readonly rows?: readonly FoundRow[];
  readonly plan?: readonly string[];
}

function toResult({ collection }: TextRequest, { strategy, started, rows = [], plan = [] }: Outcome): MethodResult {
  const found = rows.map((row): FoundChunk => ({ ...row, collectionId: collection.id }));
  return { found, step: toStep(collection, { method: "text", strategy, found: found.length, started, plan }) };
}

interface FoundRow {
  readonly chunkId: ChunkId;
  readonly documentId: DocumentId;
  readonly score: number;
}

interface Words {
  readonly words: readonly Word[];
  /** How many chunks there are, about. */
  readonly total: number;
}

/**
 * The query's words, rarest first, without those that no chunk has. Each is one look into `chunk_words`, which gives rows
 * in the order of the table: of a common word the first 1,000 are counted, and how much of the table they take tells how
 * many there are. All chunks are counted in the same way, in the first 64 pages. So it needs no statistics.
 */
async function findWords(tx: Queryable, { collection, query }: TextRequest): Promise<Words> {
  const { tenantId, id, language } = collection;
  const { rows } = await tx.query<Word & { readonly total: number }>(sql`
    with word as materialized (
      select array_to_tsvector(array[w.lexeme])::text as query
      from unnest(tsvector_to_array(to_tsvector(${language}::regconfig, ${query}))) as w (lexeme)
      where w.lexeme <> ''
      limit ${maxLookedUp}
    ), size as materialized (
      select greatest(1, pg_relation_size(r.oid) / current_setting('block_size')::int) as pages
      from pg_class r
      where r.relname = 'chunk_' || replace(${id}, '-', '_') and r.relnamespace = 'collections'::regnamespace
    ), counted as materialized (
      select w.query, c.count, c.last_page
      from word w
      cross join lateral (
        select count(*) as count, max(c.page) as last_page from (
          select (c.ctid::text::point)[0] as page from chunk c
          where c.tenant_id = ${tenantId} and c.collection_id = ${id} and c.words @@ w.query::tsquery
          limit ${maxCounted}
        ) c
      ) c
      where c.count > 0
    )
    select w.query, e.chunks, ceil(s.pages * (
        select count(*) from chunk c where c.collection_id = ${id} and c.ctid < '(64,0)'
      ) / least(s.pages, 64)::double precision)::int as total
    from counted w
    cross join size s
    cross join lateral (
      select case when w.count < ${maxCounted} then w.count else ceil(w.count * s.pages / (w.last_page + 1)) end::int as chunks
    ) e
    order by e.chunks, w.query collate "C"
    limit ${maxWords}`);
  return { words: rows, total: rows[0]?.total ?? 0 };
}

/** The rarest, as long as not too many chunks have them; at least one. */
function takeRare(words: readonly Word[], maxChunks: number): readonly Word[] {
  let chunks = 0;
  const count = words.findIndex((word) => {
    chunks += word.chunks;
    return chunks > maxChunks;
  });
  return count < 0 ? words : words.slice(0, Math.max(1, count));
}

function holdingAll(words: readonly Word[]): Sql {
  return sql`c.words @@ ${words.map(({ query }) => query).join(" & ")}::tsquery`;
}

function holdingAny(words: readonly Word[]): Sql {
  return sql`c.words @@ ${words.map(({ query }) => query).join(" | ")}::tsquery`;
}

interface Weighed extends Words {
  /** Conditions on chunk `c`; of each so many chunks are weighed. */
  readonly looked: readonly Sql[];
  readonly maxWeighed: number;
}

function weigh({ collection, filter, limit }: TextRequest, { words, total, looked, maxWeighed }: Weighed): Sql {
  const { tenantId, id } = collection;
  const path = filter && filterPath(filter);
  const passes = sql`and (
            select d.metadata @@ ${path}::jsonpath from document d where d.collection_id = ${id} and d.id = c.document_id
          )`;
  const found = looked.map(
    (condition) => sql`(
        select c.id from chunk c
        where c.tenant_id = ${tenantId} and c.collection_id = ${id} and ${condition}
          ${path === undefined ? sql`` : passes}
        limit ${maxWeighed})`,
  );
  return sql`
    with word (query, weight) as materialized (
      select w.query::tsquery, w.weight
      from ${unnest(
        ["text", words.map(({ query }) => query)],
        ["double precision", words.map(({ chunks }) => rarity(chunks, total))],
      )} as w (query, weight)
    ), found as materialized (
      ${joinSql(found, sql` union `)}
    ), weighed as materialized (
      select c.id, c.document_id, (
        select sum(w.weight * ts_rank('{0.5, 0.5, 0.7, 1}', c.words, w.query)) from word w
      ) as score
      from found f
      join chunk c on c.collection_id = ${id} and c.id = f.id
    )
    select id as "chunkId", document_id as "documentId", score from weighed order by score desc, id limit ${limit}`;
}

/** Inverse document frequency as in BM25, always above 0. */
function rarity(chunks: number, total: number): number {
  return Math.log(1 + (Math.max(total, chunks) - chunks + 0.5) / (chunks + 0.5));
}
