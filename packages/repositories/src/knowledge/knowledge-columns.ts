import type { ApiKeyId, KnowledgeAccess, KnowledgeEntry, KnowledgeId, KnowledgeReader } from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** An entry as it is read; `content` is left out of lists. */
export interface EntryRow {
  readonly id: KnowledgeId;
  readonly title: string;
  readonly content?: string;
  readonly category: string | null;
  readonly tags: readonly string[];
  readonly access: KnowledgeAccess;
  readonly team: string | null;
  readonly ownerId: ApiKeyId;
  readonly version: number;
  readonly uses: number;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Of `knowledge_entry e`, without its content. */
export const listedColumns: Sql = sql`e.id, e.title, e.category, e.tags, e.access, e.team, e.owner_id as "ownerId",
  e.version, e.uses, e.last_used_at as "lastUsedAt", e.created_at as "createdAt", e.updated_at as "updatedAt"`;

/** Of `knowledge_entry e`. */
export const entryColumns: Sql = sql`${listedColumns}, e.content`;

/** What a reader sees of `knowledge_entry e`: the rule of who may read, in one place. */
export function isVisible({ id, team, isAdmin }: KnowledgeReader): Sql {
  if (isAdmin) return sql`e.deleted_at is null`;
  return sql`e.deleted_at is null and (e.access = 'tenant' or e.owner_id = ${id}
    or e.access = 'team' and e.team = ${team}::text)`;
}

/** Which versions `v` of an entry `e` that a reader sees are shown to it: by who saw the entry when they were written. */
export function isVersionVisible({ id, team, isAdmin }: KnowledgeReader): Sql {
  if (isAdmin) return sql`true`;
  return sql`(v.access = 'tenant' or e.owner_id = ${id} or v.access = 'team' and v.team = ${team}::text)`;
}

/** An entry as the API shows it. */
export function toEntry(row: EntryRow): KnowledgeEntry {
  return { ...toListed(row), content: row.content ?? "" };
}

/** The same without its content. */
export function toListed(row: EntryRow): Omit<KnowledgeEntry, "content"> {
  const { content: _, category, team, lastUsedAt, createdAt, updatedAt, ...rest } = row;
  return {
    ...rest,
    ...(category !== null && { category }),
    ...(team !== null && { team }),
    ...(lastUsedAt !== null && { lastUsedAt: lastUsedAt.toISOString() }),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
