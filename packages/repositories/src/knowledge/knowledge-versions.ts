import type { ApiKeyId, KnowledgeAccess, KnowledgeId, KnowledgeVersion } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { isVersionVisible, isVisible } from "./knowledge-columns.ts";
import type { Asker } from "./knowledge-repository.ts";

interface VersionRow {
  readonly version: number;
  readonly title: string;
  readonly content?: string;
  readonly category: string | null;
  readonly tags: readonly string[];
  readonly access: KnowledgeAccess;
  readonly team: string | null;
  readonly editorId: ApiKeyId;
  readonly at: Date;
}

const columns = sql`v.version, v.title, v.category, v.tags, v.access, v.team, v.editor_id as "editorId", v.at`;

/** Versions of an entry that the asker sees now, those that it might have seen then, the latest first. By the primary key. */
export async function listVersions(
  tx: Queryable,
  { tenantId, reader }: Asker,
  asked: { readonly id: KnowledgeId; readonly limit: number; readonly before: number | undefined },
): Promise<readonly Omit<KnowledgeVersion, "content">[]> {
  const { id, limit, before } = asked;
  const { rows } = await tx.query<VersionRow>(sql`
    select ${columns}
    from knowledge_entry e
    join knowledge_version v on v.entry_id = e.id
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)} and ${isVersionVisible(reader)}
      ${before === undefined ? sql`` : sql`and v.version < ${before}`}
    order by v.version desc
    limit ${limit}`);
  return rows.map(toVersion);
}

/** One version, as {@link listVersions}. */
export async function readVersion(
  tx: Queryable,
  { tenantId, reader }: Asker,
  { id, version }: { readonly id: KnowledgeId; readonly version: number },
): Promise<KnowledgeVersion | undefined> {
  const { rows } = await tx.query<VersionRow>(sql`
    select ${columns}, v.content
    from knowledge_entry e
    join knowledge_version v on v.entry_id = e.id
    where e.tenant_id = ${tenantId} and e.id = ${id} and v.version = ${version}
      and ${isVisible(reader)} and ${isVersionVisible(reader)}`);
  const [row] = rows;
  return row && { ...toVersion(row), content: row.content ?? "" };
}

function toVersion({ content: _, category, team, at, ...rest }: VersionRow): Omit<KnowledgeVersion, "content"> {
  return {
    ...rest,
    ...(category !== null && { category }),
    ...(team !== null && { team }),
    at: at.toISOString(),
  };
}
