import type { Collection, CollectionId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";

/** A word of the query that is in the collection. */
export interface Word {
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

/** What a query asks for. */
export interface Words {
  readonly words: readonly Word[];
  /** How many chunks there are, about. */
  readonly total: number;
  /** What all words of the query weigh together, those that no chunk has as if they were the rarest. */
  readonly weight: number;
}

/**
 * The query's words, rarest first, without those that no chunk has. Each is one look into `chunk_words`, which gives rows
 * in the order of the table: of a common word the first 1,000 are counted, and how much of the table they take tells how
 * many there are. All chunks are counted in the same way, in the first 64 pages. So it needs no statistics.
 *
 * @param asked `among` is the path of a filter: what it leaves out is not counted.
 */
export async function findWords(
  tx: Queryable,
  { tenantId, id, language }: Collection,
  { query, among }: { readonly query: string; readonly among: string | undefined },
): Promise<Words> {
  const passes = among === undefined ? sql`` : passing(id, among);
  const { rows } = await tx.query<Word & { readonly total: number; readonly asked: number }>(sql`
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
          where c.tenant_id = ${tenantId} and c.collection_id = ${id} and c.words @@ w.query::tsquery ${passes}
          limit ${maxCounted}
        ) c
      ) c
      where c.count > 0
    )
    select w.query, e.chunks, ceil(s.pages * (
        select count(*) from chunk c where c.collection_id = ${id} and c.ctid < '(64,0)' ${passes}
      ) / least(s.pages, 64)::double precision)::int as total,
      (select count(*)::int from word) as asked
    from counted w
    cross join size s
    cross join lateral (
      select case when w.count < ${maxCounted} then w.count else ceil(w.count * s.pages / (w.last_page + 1)) end::int as chunks
    ) e
    order by e.chunks, w.query collate "C"
    limit ${maxWords}`);
  const { total = 0, asked = 0 } = rows[0] ?? {};
  const found = rows.reduce((sum, { chunks }) => sum + rarity(chunks, total), 0);
  return { words: rows, total, weight: found + (asked - rows.length) * rarity(0, total) };
}

function passing(collectionId: CollectionId, path: string): Sql {
  return sql`and (
            select d.metadata @@ ${path}::jsonpath from document d
            where d.collection_id = ${collectionId} and d.id = c.document_id
          )`;
}

/** The rarest, as long as not too many chunks have them; at least one. */
export function takeRare(words: readonly Word[], maxChunks: number): readonly Word[] {
  let chunks = 0;
  const count = words.findIndex((word) => {
    chunks += word.chunks;
    return chunks > maxChunks;
  });
  return count < 0 ? words : words.slice(0, Math.max(1, count));
}

/** Inverse document frequency as in BM25, always above 0. */
export function rarity(chunks: number, total: number): number {
  return Math.log(1 + (Math.max(total, chunks) - chunks + 0.5) / (chunks + 0.5));
}
