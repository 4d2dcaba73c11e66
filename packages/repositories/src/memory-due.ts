import { contextIsToDigest } from "./contexts/context-digests.ts";
import { contextIsToRemove } from "./contexts/context-removals.ts";
import type { Database } from "./database/database.ts";
import { sql } from "./database/sql.ts";
import { importIsDue } from "./imports/open-imports.ts";
import { entryIsUnsynced } from "./knowledge/knowledge-sync.ts";

/** What waits for workers, of all tenants. */
export interface MemoryDue {
  /** On their way or not: who relays them knows. */
  readonly documents: boolean;
  readonly digests: boolean;
  readonly removals: boolean;
  readonly imports: boolean;
  readonly entries: boolean;
}

/**
 * Says in one statement what waits, without a transaction round it: it is asked often. Each part is found by an index that
 * holds nothing else.
 */
export async function findMemoryDue(database: Database): Promise<MemoryDue> {
  const { rows } = await database.query<MemoryDue>(
    sql`
      select exists (select from pending_document where error is null) as documents,
        exists (select from context where ${contextIsToDigest}) as digests,
        exists (select from context where ${contextIsToRemove}) as removals,
        exists (select from import_job where ${importIsDue}) as imports,
        exists (select from knowledge_entry where ${entryIsUnsynced}) as entries`,
  );
  const [due] = rows;
  if (due === undefined) throw new Error("nobody said what is due");
  return due;
}
