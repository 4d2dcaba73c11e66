import type { Collection } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";

/** How many chunks a filter's path leaves; undefined where there are too many to look at one by one. */
export async function countMatching(
  tx: Queryable,
  collection: Collection,
  { path, maxExact }: { readonly path: string; readonly maxExact: number },
): Promise<number | undefined> {
  const { rows } = await tx.query<{ chunks: number }>(sql`
    select coalesce(sum(chunk_count), 0)::int as chunks
    from (${matching(collection, path, sql`d.chunk_count`)} limit ${maxExact + 1}) d`);
  const chunks = rows[0]?.chunks ?? 0;
  return chunks > maxExact ? undefined : chunks;
}

/** The documents that a filter's path leaves, as `d`. */
export function matching({ tenantId, id }: Collection, path: string, columns: Sql): Sql {
  return sql`select ${columns} from document d
        where d.tenant_id = ${tenantId} and d.collection_id = ${id} and d.metadata @@ ${path}::jsonpath`;
}
