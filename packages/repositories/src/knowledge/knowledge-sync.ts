import type { ApiKeyId, KnowledgeAccess, KnowledgeId, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";

/** An entry whose document is not what it should be. */
export interface UnsyncedEntry {
  readonly tenantId: TenantId;
  readonly id: KnowledgeId;
  readonly title: string;
  readonly content: string;
  readonly category: string | undefined;
  readonly tags: readonly string[];
  readonly access: KnowledgeAccess;
  readonly team: string | undefined;
  readonly ownerId: ApiKeyId;
  readonly version: number;
  readonly isDeleted: boolean;
}

/** The shape that `@devmesh/embedding` asks for, where its contract is told. Works as the engine, over all tenants. */
export interface KnowledgeSyncRepository {
  claim(tenantId: TenantId, id: KnowledgeId, forMs: number): Promise<UnsyncedEntry | undefined>;
  claimStale(
    limit: number,
    options: { readonly quietMs: number; readonly forMs: number },
  ): Promise<readonly UnsyncedEntry[]>;
  done(entry: Pick<UnsyncedEntry, "tenantId" | "id" | "version" | "isDeleted">): Promise<void>;
}

interface Row extends Omit<UnsyncedEntry, "category" | "team"> {
  readonly category: string | null;
  readonly team: string | null;
}

const columns = sql`tenant_id as "tenantId", id, title, content, category, tags, access, team, owner_id as "ownerId",
  version, deleted_at is not null as "isDeleted"`;

/** Its document is not what it should be, and nobody is at it. */
export const entryIsUnsynced = sql`(version <> synced_version or deleted_at is not null)
  and (claimed_until is null or claimed_until < now())`;

/** What keeps entries and their documents together, in Postgres. */
export function knowledgeSyncRepository(database: Database): KnowledgeSyncRepository {
  const run = async (statement: Sql): Promise<readonly UnsyncedEntry[]> => {
    const { rows } = await database.queryAs<Row>({ role: "devmesh_engine", plans: "by_index" }, statement);
    return rows.map((row) => ({ ...row, category: row.category ?? undefined, team: row.team ?? undefined }));
  };
  return {
    claim: async (tenantId, id, forMs) =>
      (await run(claim(sql`tenant_id = ${tenantId} and id = ${id} and ${entryIsUnsynced}`, forMs)))[0],
    claimStale: (limit, { quietMs, forMs }) => run(claim(findStale(limit, quietMs), forMs)),
    done: async ({ tenantId, id, version, isDeleted }) => {
      await run(isDeleted ? remove(tenantId, id) : mark(tenantId, id, version));
    },
  };
}

function claim(which: Sql, forMs: number): Sql {
  return sql`
    update knowledge_entry set claimed_until = now() + ${forMs}::float8 * interval '1 millisecond'
    where ${which}
    returning ${columns}`;
}

/** By the index `knowledge_entry_unsynced`, which holds nothing else. */
function findStale(limit: number, quietMs: number): Sql {
  return sql`id in (
    select id from knowledge_entry
    where ${entryIsUnsynced} and updated_at < now() - ${quietMs}::float8 * interval '1 millisecond'
    order by updated_at
    limit ${limit}
    for update skip locked
  )`;
}

function remove(tenantId: TenantId, id: KnowledgeId): Sql {
  return sql`delete from knowledge_entry where tenant_id = ${tenantId} and id = ${id} and deleted_at is not null`;
}

/** Where there is a later version by now, the entry stays unsynced. */
function mark(tenantId: TenantId, id: KnowledgeId, version: number): Sql {
  return sql`
    update knowledge_entry set synced_version = ${version}, claimed_until = null
    where tenant_id = ${tenantId} and id = ${id}`;
}
