import {
  AppError,
  type DocumentOutcome,
  type DocumentWrite,
  type ErrorBody,
  type ImportJob,
  type ImportProgress,
  type TenantId,
} from "@devmesh/models";
import { writeDocuments } from "../collections/document-writes.ts";
import { createKnownFields, recordFields } from "../collections/metadata-fields.ts";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type ImportRow, importColumns, toImport } from "./import-columns.ts";

/** An import that a worker has claimed. */
export interface OpenImport {
  readonly job: ImportJob;
  readonly tenantId: TenantId;
  readonly etag: string;
  /** A document that others have written since is not overwritten. */
  readonly since: Date;
  readonly leaseId: string;
  readonly isCancelAsked: boolean;
  /** Claims since it last got on, this one included. */
  readonly tries: number;
}

/** A batch of an import. */
export interface ImportBatch {
  readonly documents: readonly DocumentWrite[];
  /** How far the import is when they are written. */
  readonly progressOf: (outcomes: readonly DocumentOutcome[]) => ImportProgress;
}

/** Imports for the workers that carry them out. */
export interface OpenImports {
  /**
   * Claims the import that has waited longest among those that nobody works on: a new one, or one whose worker has been
   * silent for the time of its lease.
   */
  claim(leaseId: string, leaseMs: number): Promise<OpenImport | undefined>;
  /**
   * Writes documents and how far the import is, in one transaction, and renews the lease: done twice, or by two workers,
   * a batch counts once. False when the import is to be cancelled.
   *
   * @throws AppError `conflict`, reason `lease_lost`, where another worker has it; `not_found` for a collection that is
   * gone. Nothing was written then.
   */
  write(claimed: OpenImport, batch: ImportBatch, leaseMs: number): Promise<boolean>;
  /** Keeps it where nothing was written for a while. @throws AppError `conflict`, reason `lease_lost`. */
  renew(claimed: OpenImport, leaseMs: number): Promise<void>;
  /** Leaves it to others, after a while. */
  release(claimed: OpenImport, afterMs: number): Promise<void>;
  finish(
    claimed: OpenImport,
    state: "completed" | "failed" | "cancelled",
    error?: Pick<ErrorBody, "code" | "message">,
  ): Promise<void>;
}

/** The imports in Postgres. One instance remembers which fields of metadata it recorded. */
export function openImports(database: Database): OpenImports {
  const known = createKnownFields();
  const query = <Row>(statement: Sql) =>
    database.queryAs<Row>({ role: "devmesh_engine", plans: "by_index" }, statement);
  return {
    claim: async (leaseId, leaseMs) => {
      const { rows } = await query<OpenRow>(claim(leaseId, leaseMs));
      return rows.map((row) => toOpenImport(row, leaseId))[0];
    },
    write: async (claimed, batch, leaseMs) => {
      const { tenantId, job } = claimed;
      const fields = known.missing(
        job.collectionId,
        batch.documents.map(({ metadata }) => metadata),
      );
      const scope = { role: "devmesh_app", tenants: [tenantId], plans: "by_value" } as const;
      const goesOn = await database.transaction(scope, async (tx) => {
        const outcomes = await writeBatch(tx, claimed, batch);
        await recordFields(tx, { tenantId, collectionId: job.collectionId }, fields);
        return advance(tx, claimed, { progress: batch.progressOf(outcomes), leaseMs });
      });
      if (fields.length > 0) known.add(job.collectionId, fields);
      return goesOn;
    },
    renew: async ({ job, leaseId }, leaseMs) => {
      const { rowCount } = await query(sql`
        update import_job set due_at = now() + make_interval(secs => ${leaseMs / 1_000}::double precision)
        where id = ${job.id} and lease_id = ${leaseId} and finished_at is null`);
      if (rowCount === 0) throw leaseLost(job);
    },
    release: async ({ job, leaseId }, afterMs) => {
      await query(sql`
        update import_job set lease_id = null, due_at = now() + make_interval(secs => ${afterMs / 1_000}::double precision)
        where id = ${job.id} and lease_id = ${leaseId} and finished_at is null`);
    },
    finish: async ({ job, leaseId }, state, error) => {
      await query(sql`
        update import_job
        set state = ${state}, byte_offset = case ${state}::text when 'completed' then size else byte_offset end,
          error = ${error && JSON.stringify(error)}::json, finished_at = now(),
          lease_id = null
        where id = ${job.id} and lease_id = ${leaseId} and finished_at is null`);
    },
  };
}

interface OpenRow extends ImportRow {
  readonly tenantId: TenantId;
  readonly etag: string;
  readonly since: Date;
  readonly isCancelAsked: boolean;
  readonly tries: number;
}

/** It is not over, and nobody works on it. */
export const importIsDue = sql`finished_at is null and (due_at is null or due_at <= now())`;

/** One statement, and no more where nothing waits. */
function claim(leaseId: string, leaseMs: number): Sql {
  return sql`
    with next as (
      select id from import_job
      where ${importIsDue}
      order by due_at nulls first, created_at, id
      limit 1
      for update skip locked
    )
    update import_job j
    set state = 'running', started_at = coalesce(j.started_at, now()), lease_id = ${leaseId}, tries = j.tries + 1,
      due_at = now() + make_interval(secs => ${leaseMs / 1_000}::double precision)
    from next
    where j.id = next.id
    returning ${importColumns}, j.tenant_id as "tenantId", j.etag, j.started_at as since,
      j.cancel_asked as "isCancelAsked", j.tries`;
}

function toOpenImport(row: OpenRow, leaseId: string): OpenImport {
  const { tenantId, etag, since, isCancelAsked, tries } = row;
  return { job: toImport(row), tenantId, etag, since, leaseId, isCancelAsked, tries };
}

async function writeBatch(
  tx: Queryable,
  { tenantId, job, since }: OpenImport,
  { documents }: ImportBatch,
): Promise<readonly DocumentOutcome[]> {
  if (documents.length === 0) return [];
  const collection = { tenantId, collectionId: job.collectionId };
  return writeDocuments(tx, { collection, documents, by: { importId: job.id, since } });
}

/** False when it is to be cancelled. */
async function advance(
  tx: Queryable,
  { job, leaseId }: OpenImport,
  { progress, leaseMs }: { readonly progress: ImportProgress; readonly leaseMs: number },
): Promise<boolean> {
  const { offset, lines, counts, errors } = progress;
  const { rows } = await tx.query<{ isCancelAsked: boolean }>(sql`
    update import_job
    set byte_offset = ${offset}, lines = ${lines}, created = ${counts.created}, updated = ${counts.updated},
      unchanged = ${counts.unchanged}, changed = ${counts.changed}, failed = ${counts.failed},
      errors = ${JSON.stringify(errors)}::json, tries = 0,
      due_at = now() + make_interval(secs => ${leaseMs / 1_000}::double precision)
    where id = ${job.id} and lease_id = ${leaseId} and finished_at is null
    returning cancel_asked as "isCancelAsked"`);
  const [row] = rows;
  if (row === undefined) throw leaseLost(job);
  return !row.isCancelAsked;
}

function leaseLost({ id }: ImportJob): AppError {
  return new AppError("conflict", `another worker has the import ${id}`, { reason: "lease_lost" });
}
