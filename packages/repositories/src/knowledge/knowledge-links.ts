import {
  type KnowledgeEntry,
  type KnowledgeId,
  type KnowledgeLink,
  maxKnowledgeLinks,
  type TaskId,
} from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type EntryRow, entryColumns, isVisible, toEntry } from "./knowledge-columns.ts";
import type { Asker, LinkWrite } from "./knowledge-repository.ts";

interface LinkRow extends Omit<KnowledgeLink, "at"> {
  readonly at: Date;
}

/** Links that somebody made come first, then those of uses; the latest first. */
export async function findLinks(
  tx: Queryable,
  { tenantId, reader }: Asker,
  id: KnowledgeId,
): Promise<readonly KnowledgeLink[]> {
  const { rows } = await tx.query<LinkRow>(sql`
    select l.target, l.target_id as id, l.relation, l.at
    from knowledge_entry e
    join knowledge_link l on l.entry_id = e.id
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}
    order by l.relation = 'used_by', l.at desc, l.target_id
    limit ${2 * maxKnowledgeLinks}`);
  return rows.map(({ at, ...link }) => ({ ...link, at: at.toISOString() }));
}

/** Links an entry that the asker sees. The entry's row is locked, so that the number of links is right. */
export async function linkEntry(
  tx: Queryable,
  { tenantId, reader }: Asker,
  id: KnowledgeId,
  { target, id: targetId, relation }: LinkWrite,
): Promise<"linked" | "missing" | "full"> {
  await tx.query(sql`
    select from knowledge_entry e where e.tenant_id = ${tenantId} and e.id = ${id} for no key update`);
  const { rows } = await tx.query<{ isThere: boolean; isFull: boolean; linked: boolean }>(sql`
    with standing as (
      select e.id, ${exists(target, targetId, tenantId)} as is_there, (
        select count(*) >= ${maxKnowledgeLinks}::int from knowledge_link l
        where l.entry_id = e.id and l.relation <> 'used_by'
          and (l.target, l.target_id, l.relation) <> (${target}, ${targetId}::uuid, ${relation})
      ) as is_full
      from knowledge_entry e
      where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}
    ), linked as (
      insert into knowledge_link (tenant_id, entry_id, target, target_id, relation)
      select ${tenantId}::uuid, id, ${target}, ${targetId}::uuid, ${relation} from standing where is_there and not is_full
      on conflict do nothing
    )
    select is_there as "isThere", is_full as "isFull" from standing`);
  const [row] = rows;
  if (row === undefined || !row.isThere) return "missing";
  return row.isFull ? "full" : "linked";
}

/** False where there was no such link of an entry that the asker sees. */
export async function unlinkEntry(
  tx: Queryable,
  { tenantId, reader }: Asker,
  id: KnowledgeId,
  { target, id: targetId, relation }: LinkWrite,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    delete from knowledge_link l
    using knowledge_entry e
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)} and l.entry_id = e.id
      and l.target = ${target} and l.target_id = ${targetId} and l.relation = ${relation}`);
  return rowCount > 0;
}

/** Counts a use of an entry that the asker sees; one of a task that has used it before counts no more. */
export async function useEntry(
  tx: Queryable,
  { tenantId, reader }: Asker,
  id: KnowledgeId,
  taskId: TaskId | undefined,
): Promise<KnowledgeEntry | "missing" | undefined> {
  if (taskId !== undefined) {
    const { rows } = await tx.query<{ isThere: boolean }>(sql`select ${exists("task", taskId, tenantId)} as "isThere"`);
    if (rows[0]?.isThere !== true) return "missing";
  }
  const isNew =
    taskId === undefined
      ? sql`select ${id}::uuid as id`
      : sql`
      insert into knowledge_link (tenant_id, entry_id, target, target_id, relation)
      select ${tenantId}::uuid, e.id, 'task', ${taskId}::uuid, 'used_by'
      from knowledge_entry e
      where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}
      on conflict do nothing
      returning entry_id as id`;
  await tx.query(sql`
    with used as (${isNew})
    update knowledge_entry e set uses = e.uses + 1, last_used_at = now()
    from used
    where e.id = used.id and e.tenant_id = ${tenantId} and ${isVisible(reader)}`);
  const { rows } = await tx.query<EntryRow>(sql`
    select ${entryColumns} from knowledge_entry e
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}`);
  const [row] = rows;
  return row && toEntry(row);
}

/** Whether there is such a task, or such an agent, deregistered ones included. */
function exists(target: LinkWrite["target"], id: string, tenantId: string): Sql {
  return target === "task"
    ? sql`exists (select from task t where t.tenant_id = ${tenantId} and t.id = ${id})`
    : sql`exists (select from agent a where a.tenant_id = ${tenantId} and a.id = ${id})`;
}
