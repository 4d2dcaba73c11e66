import type { ChunkId, Collection, DocumentId, FoundChunk } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { joinSql, type Sql, sql, unnest } from "../database/sql.ts";
import { filterPath } from "./filter-path.ts";
import { countMatching, matching } from "./matching.ts";
import { runPlanned, toStep } from "./measured.ts";
import { findWords, rarity, takeRare, type Word, type Words } from "./query-words.ts";
import type { MethodRequest, MethodResult, SearchBounds } from "./search-repository.ts";

type TextRequest = MethodRequest & { readonly query: string };

/**
 * Chunks that hold all of the query's words, and of those that hold some, those of the rarest. Each word counts by how
 * rare it is in the collection (its inverse frequency, as BM25 has it) times how much of the chunk it is (`ts_rank`, in
 * which a heading counts more), as a share of what all words of the query weigh: scores of two collections can be compared. Words that the language leaves out, such as "the", are not looked for.
 */
export async function searchByText(
  tx: Queryable,
  request: TextRequest,
  { maxExact, maxWeighed }: SearchBounds,
): Promise<MethodResult> {
  const started = performance.now();
  const { collection, filter, countsFiltered, explain, limit } = request;
  const path = filter && filterPath(filter);
  const among = countsFiltered ? path : undefined;
  const { words, ...weights } = await findWords(tx, collection, { query: request.query, among });
  if (words.length === 0) return toResult(request, { strategy: "no word of it", started });
  const few = path === undefined ? undefined : await countMatching(tx, collection, { path, maxExact });
  // before a new partition has statistics the planner takes it for small, and would rather read all of it
  await tx.query(sql`select set_config('enable_seqscan', 'off', true), set_config('enable_material', 'off', true)`);
  const run = (found: readonly Sql[]) =>
    runPlanned<FoundRow>(tx, weigh(request, { words, ...weights, found }), explain);
  if (few !== undefined && path !== undefined) {
    const { rows, plan } = await run([amongMatching(collection, path, holdingAny(words))]);
    return toResult(request, { strategy: `words of ${few} filtered`, started, rows, plan });
  }
  const looking = (condition: Sql): Sql => amongAll(collection, { path, condition, maxWeighed });
  const rare = takeRare(words, maxWeighed);
  const isAll = rare.length === words.length;
  const looked = isAll ? [looking(holdingAny(rare))] : [looking(holdingAll(words)), looking(holdingAny(rare))];
  const first = await run(looked);
  const isShort = first.rows.length < limit && !isAll;
  const last = isShort ? await run([...looked, looking(holdingAny(words))]) : first;
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

function holdingAll(words: readonly Word[]): Sql {
  return sql`c.words @@ ${words.map(({ query }) => query).join(" & ")}::tsquery`;
}

function holdingAny(words: readonly Word[]): Sql {
  return sql`c.words @@ ${words.map(({ query }) => query).join(" | ")}::tsquery`;
}

/** Ids of chunks under a condition on `c`, of the few documents that a filter leaves. */
function amongMatching(collection: Collection, path: string, condition: Sql): Sql {
  return sql`(
        select c.id
        from (${matching(collection, path, sql`d.id`)} offset 0) m
        cross join lateral (
          select c.id from chunk c
          where c.collection_id = ${collection.id} and c.document_id = m.id and ${condition}
          offset 0
        ) c)`;
}

/** Ids of so many chunks under a condition on `c`, by the index of words. A filter looks at each of them. */
function amongAll(
  { tenantId, id }: Collection,
  { path, condition, maxWeighed }: { path: string | undefined; condition: Sql; maxWeighed: number },
): Sql {
  const passes = sql`and (
            select d.metadata @@ ${path}::jsonpath from document d where d.collection_id = ${id} and d.id = c.document_id
          )`;
  return sql`(
        select c.id from chunk c
        where c.tenant_id = ${tenantId} and c.collection_id = ${id} and ${condition}
          ${path === undefined ? sql`` : passes}
        limit ${maxWeighed})`;
}

interface Weighed extends Words {
  /** Selects of ids of chunks. */
  readonly found: readonly Sql[];
}

function weigh({ collection, limit }: TextRequest, { words, total, weight, found }: Weighed): Sql {
  return sql`
    with word (query, weight) as materialized (
      select w.query::tsquery, w.weight
      from ${unnest(
        ["text", words.map(({ query }) => query)],
        ["double precision", words.map(({ chunks }) => rarity(chunks, total) / weight)],
      )} as w (query, weight)
    ), found as materialized (
      ${joinSql(found, sql` union `)}
    ), weighed as materialized (
      select c.id, c.document_id, (
        select sum(w.weight * ts_rank('{0.5, 0.5, 0.7, 1}', c.words, w.query)) from word w
      ) as score
      from found f
      join chunk c on c.collection_id = ${collection.id} and c.id = f.id
    )
    select id as "chunkId", document_id as "documentId", score from weighed order by score desc, id limit ${limit}`;
}
