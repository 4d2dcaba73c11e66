import type { TextLanguage } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** Where the words of a chunk come from. Each is a column or null. */
export interface WordSources {
  readonly heading: Sql;
  readonly context: Sql;
  readonly content: Sql;
}

/** What a chunk is found by: words of its heading (A), of what a model wrote about it (B), and its own (D). */
export function lexemesOf(language: TextLanguage, { heading, context, content }: WordSources): Sql {
  return sql`setweight(to_tsvector(${language}::regconfig, coalesce(${heading}, '')), 'A')
        || setweight(to_tsvector(${language}::regconfig, coalesce(${context}, '')), 'B')
        || to_tsvector(${language}::regconfig, ${content})`;
}
