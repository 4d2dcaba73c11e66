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
  find(tenantId: TenantId, id: KnowledgeId): Promise<UnsyncedEntry | undefined>;
  findStale(limit: number, quietMs: number): Promise<readonly UnsyncedEntry[]>;
  done(entry: Pick<UnsyncedEntry, "tenantId" | "id" | "version" | "isDeleted">): Promise<void>;
}

interface Row extends Omit<UnsyncedEntry, "category" | "team"> {
  readonly category: string | null;
  readonly team: string | null;
}

const columns = sql`tenant_id as "tenantId", id, title, content, category, tags, access, team, owner_id as "ownerId",
  version, deleted_at is not null as "isDeleted"`;

/** What keeps entries and their documents together, in Postgres. */
export function knowledgeSyncRepository(database: Database): KnowledgeSyncRepository {
  const select = async (statement: Sql): Promise<readonly UnsyncedEntry[]> => {
    const { rows } = await database.queryAs<Row>({ role: "devmesh_engine", plans: "by_index" }, statement);
    return rows.map((row) => ({ ...row, category: row.category ?? undefined, team: row.team ?? undefined }));
  };
  return {
    find: async (tenantId, id) =>
      (
        await select(sql`
      select ${columns} from knowledge_entry
      where tenant_id = ${tenantId} and id = ${id} and (version <> synced_version or deleted_at is not null)`)
      )[0],
    findStale: (limit, quietMs) =>
      select(sql`
      select ${columns} from knowledge_entry
      where (version <> synced_version or deleted_at is not null)
        and updated_at < now() - ${quietMs}::float8 * interval '1 millisecond'
      order by updated_at
      limit ${limit}`),
    done: async ({ tenantId, id, version, isDeleted }) => {
      await database.queryAs(
        { role: "devmesh_engine", plans: "by_index" },
        isDeleted ? remove(tenantId, id) : mark(tenantId, id, version),
      );
    },
  };
}

function remove(tenantId: TenantId, id: KnowledgeId): Sql {
  return sql`delete from knowledge_entry where tenant_id = ${tenantId} and id = ${id} and deleted_at is not null`;
}

/** A later version leaves the entry unsynced; a late confirmation of an earlier one changes nothing. */
function mark(tenantId: TenantId, id: KnowledgeId, version: number): Sql {
  return sql`
    update knowledge_entry set synced_version = ${version}
    where tenant_id = ${tenantId} and id = ${id} and synced_version < ${version}`;
}
