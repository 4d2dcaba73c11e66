import type { KnowledgeEntry, KnowledgeId } from "@devmesh/models";
import type { Queryable, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";
import { type EntryRow, entryColumns, isVisible, toEntry } from "./knowledge-columns.ts";
import type { Asker, EntryWrite } from "./knowledge-repository.ts";

/** An entry that is to be made. */
export interface EntryAsked {
  readonly id: KnowledgeId;
  readonly entry: EntryWrite;
  readonly key: RequestKey | undefined;
}

/** Writes an entry and its first version. @throws AppError as {@link claimFirst}. */
export async function createEntry(
  tx: Transaction,
  { tenantId, reader }: Asker,
  { id, entry, key }: EntryAsked,
): Promise<Made<KnowledgeEntry>> {
  const { title, content, category = null, tags, access, team = null } = entry;
  const made = toEntry({
    ...{ id, title, content, category, tags, access, team, ownerId: reader.id },
    ...{ version: 1, uses: 0, lastUsedAt: null, createdAt: tx.now, updatedAt: tx.now },
  });
  const first = key && (await claimFirst(tx, { tenantId, operation: "knowledge.create", ...key }, made));
  if (first !== undefined) return { made: first, isReplay: true };
  await tx.query(sql`
    with made as (
      insert into knowledge_entry (tenant_id, id, title, content, category, tags, access, team, owner_id)
      values (${tenantId}, ${id}, ${title}, ${content}, ${category}, ${tags}, ${access}, ${team}, ${reader.id})
    )
    insert into knowledge_version (tenant_id, entry_id, version, title, content, category, tags, access, team, editor_id)
    values (${tenantId}, ${id}, 1, ${title}, ${content}, ${category}, ${tags}, ${access}, ${team}, ${reader.id})`);
  return { made, isReplay: false };
}

/**
 * Writes the next version where the present one is `version` and the asker sees the entry. Who sees it is changed for
 * its owner and admins alone.
 */
export async function updateEntry(
  tx: Queryable,
  { tenantId, reader }: Asker,
  { id, version, entry }: { readonly id: KnowledgeId; readonly version: number; readonly entry: EntryWrite },
): Promise<KnowledgeEntry | undefined> {
  const { title, content, category, tags, access, team } = entry;
  const { rows } = await tx.query<EntryRow>(sql`
    with changed as (
      update knowledge_entry e
      set title = ${title}, content = ${content}, category = ${category}, tags = ${tags}, access = ${access},
        team = ${team}, version = e.version + 1, updated_at = now()
      where e.tenant_id = ${tenantId} and e.id = ${id} and e.version = ${version} and ${isVisible(reader)}
        and (${reader.isAdmin}::boolean or e.owner_id = ${reader.id}
          or (e.access = ${access} and e.team is not distinct from ${team}))
      returning e.*
    ), kept as (
      insert into knowledge_version (tenant_id, entry_id, version, title, content, category, tags, access, team, editor_id)
      select tenant_id, id, version, title, content, category, tags, access, team, ${reader.id}::uuid from changed
    )
    select ${entryColumns} from changed e`);
  const [row] = rows;
  return row && toEntry(row);
}

/** Takes an entry from everybody's sight; the row goes when its document is gone. */
export async function deleteEntry(tx: Queryable, { tenantId, reader }: Asker, id: KnowledgeId): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    update knowledge_entry e set deleted_at = now(), updated_at = now()
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}
      and (${reader.isAdmin}::boolean or e.owner_id = ${reader.id})`);
  return rowCount > 0;
}
