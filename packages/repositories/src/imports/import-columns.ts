import type {
  CollectionId,
  ErrorBody,
  ImportCounts,
  ImportId,
  ImportJob,
  ImportLineError,
  ImportState,
} from "@devmesh/models";
import { type Sql, sql } from "../database/sql.ts";

/** Of `j`, a row of import_job. */
export const importColumns: Sql = sql`
  j.id, j.collection_id as "collectionId", j.state, j.key, j.size, j.byte_offset as "offset", j.lines, j.created,
  j.updated, j.unchanged, j.changed, j.failed, j.errors, j.error, j.created_at as "createdAt",
  j.started_at as "startedAt", j.finished_at as "finishedAt"`;

/** What {@link importColumns} reads. */
export interface ImportRow extends ImportCounts {
  readonly id: ImportId;
  readonly collectionId: CollectionId;
  readonly state: ImportState;
  readonly key: string;
  readonly size: number;
  readonly offset: number;
  readonly lines: number;
  readonly errors: readonly ImportLineError[];
  readonly error: Pick<ErrorBody, "code" | "message"> | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export function toImport(row: ImportRow): ImportJob {
  const { id, collectionId, state, key, size, offset, lines, errors } = row;
  const { created, updated, unchanged, changed, failed } = row;
  return {
    ...{ id, collectionId, state, key, size, offset, lines },
    counts: { created, updated, unchanged, changed, failed },
    errors,
    ...(row.error !== null && { error: row.error }),
    createdAt: row.createdAt.toISOString(),
    ...(row.startedAt !== null && { startedAt: row.startedAt.toISOString() }),
    ...(row.finishedAt !== null && { finishedAt: row.finishedAt.toISOString() }),
  };
}
