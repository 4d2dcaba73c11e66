import type { ContextId, DocumentId, ErrorBody, Metadata, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** A context whose summary or embedding is to be made, in somebody's hands. */
export interface ClaimedContext {
  readonly tenantId: TenantId;
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly etag: string;
  readonly metadata: Metadata;
  readonly wantsSummary: boolean;
  readonly wantsEmbedding: boolean;
  /** Which claim of it this is, from 1: only the latest may write. */
  readonly tries: number;
}

/** What was made of a context, or why it could not be. */
export interface DigestResult {
  readonly summary?: string | undefined;
  readonly documentIds?: readonly DocumentId[] | undefined;
  readonly bytesRead?: number | undefined;
  readonly error?: Pick<ErrorBody, "code" | "message"> | undefined;
  /** With an error: when to try what is missing again. Without it that is given up. */
  readonly retryInMs?: number | undefined;
}

/** What makes summaries and embeddings needs, over all tenants. */
export interface ContextDigests {
  /** Takes contexts that wait, the longest first, so that nobody else does for `forMs`: never taken, or lost by a crash. */
  claim(limit: number, forMs: number): Promise<readonly ClaimedContext[]>;
  /** Writes what became of a claim. False where the context is gone, or somebody has claimed it since. */
  settle(claim: Pick<ClaimedContext, "id" | "tries">, result: DigestResult): Promise<boolean>;
}

/** Its turn has come, and it is not over. */
export const contextIsToDigest = sql`digest_at <= now() and state = 'ready' and sweep_at > now()`;

/** Over a database. */
export function contextDigests(database: Database): ContextDigests {
  const engine = { role: "devmesh_engine", plans: "by_index" } as const;
  return {
    claim: async (limit, forMs) => {
      const { rows } = await database.queryAs<ClaimedContext>(
        engine,
        sql`
          with due as materialized (
            select id
            from context
            where ${contextIsToDigest}
            order by digest_at
            limit ${limit}
            for update skip locked
          )
          update context c
          set digest_at = now() + ${forMs}::int * interval '1 millisecond', digest_tries = c.digest_tries + 1
          from due
          where c.id = due.id
          returning c.tenant_id as "tenantId", c.id, c.name, c.media_type as "mediaType", c.size, c.etag, c.metadata,
            c.summary_state = 'pending' as "wantsSummary", c.embedding_state = 'pending' as "wantsEmbedding",
            c.digest_tries as tries`,
      );
      return rows;
    },
    settle: async ({ id, tries }, { summary, documentIds, bytesRead, error, retryInMs }) => {
      const rest = error !== undefined && retryInMs === undefined ? "failed" : "pending";
      const { rowCount } = await database.queryAs(
        engine,
        sql`
          update context c
          set summary = coalesce(${summary}, c.summary),
            summary_state = case when c.summary_state <> 'pending' then c.summary_state
              when ${summary}::text is not null then 'done' else ${rest} end,
            embedding_state = case when c.embedding_state <> 'pending' then c.embedding_state
              when ${documentIds}::uuid[] is not null then 'done' else ${rest} end,
            document_ids = coalesce(${documentIds}::uuid[], c.document_ids), bytes_read = coalesce(${bytesRead}::bigint, c.bytes_read),
            error = ${error && JSON.stringify(error)}::json,
            digest_at = now() + ${retryInMs}::int * interval '1 millisecond'
          where c.id = ${id} and c.digest_tries = ${tries}`,
      );
      return rowCount > 0;
    },
  };
}
