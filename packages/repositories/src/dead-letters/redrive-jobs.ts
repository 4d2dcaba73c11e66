import {
  type ApiKeyId,
  AppError,
  type DeadLetterFilter,
  type RedriveJob,
  type RedriveJobState,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, QueryResult, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { claimFirst, type RequestKey } from "../ledger/claim-first.ts";
import { countMatching } from "./dead-letter-writes.ts";

/** A bulk redrive as it is asked for. */
export interface NewRedriveJob {
  readonly id: string;
  /** Whose dead letters it may touch. */
  readonly tenants: readonly TenantId[];
  readonly filter: DeadLetterFilter;
  readonly ratePerSecond: number;
  readonly force: boolean;
  readonly by: ApiKeyId;
  readonly key?: RequestKey | undefined;
}

/** Bulk redrives for those who ask for them; the worker carries them out. */
export interface RedriveJobs {
  /**
   * Makes a job, or answers the one that the same key made.
   *
   * @throws AppError `resource_exhausted` where the tenant has 20 that are not finished; `conflict`, reason
   * `idempotency_key_reused`.
   */
  create(tenantId: TenantId, job: NewRedriveJob): Promise<{ readonly job: RedriveJob; readonly isReplay: boolean }>;
  /** Newest first. */
  list(tenantId: TenantId, page: PageAsked): Promise<readonly RedriveJob[]>;
  find(tenantId: TenantId, id: string): Promise<RedriveJob | undefined>;
  /** Has it stopped; a finished one is answered as it is. */
  stop(tenantId: TenantId, id: string): Promise<RedriveJob | undefined>;
}

/** Of one tenant at a time: each takes the worker's attention. Judgement. */
const maxOpenJobs = 20;

export function redriveJobs(database: Database): RedriveJobs {
  const query = (tenantId: TenantId, statement: Sql): Promise<QueryResult<RedriveJobRow>> =>
    database.queryAs<RedriveJobRow>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement);
  return {
    create: (tenantId, asked) =>
      database.transaction({ role: "devmesh_app", tenants: [...new Set([tenantId, ...asked.tenants])] }, (tx) =>
        create(tx, tenantId, asked),
      ),
    list: async (tenantId, { limit, after }) => {
      const { rows } = await query(
        tenantId,
        sql`
          select ${redriveJobColumns}
          from redrive_job j
          where j.tenant_id = ${tenantId}
            ${after === undefined ? sql`` : sql`and (j.created_at, j.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
          order by j.created_at desc, j.id desc
          limit ${limit}`,
      );
      return rows.map(toRedriveJob);
    },
    find: async (tenantId, id) => {
      const { rows } = await query(
        tenantId,
        sql`select ${redriveJobColumns} from redrive_job j where j.id = ${id}::uuid and j.tenant_id = ${tenantId}`,
      );
      return rows.map(toRedriveJob)[0];
    },
    stop: async (tenantId, id) => {
      const { rows } = await query(
        tenantId,
        sql`
          update redrive_job j
          set state = case j.state when 'queued' then 'stopped' when 'running' then 'stopping' else j.state end,
            finished_at = case j.state when 'queued' then now() else j.finished_at end
          where j.id = ${id}::uuid and j.tenant_id = ${tenantId}
          returning ${redriveJobColumns}`,
      );
      return rows.map(toRedriveJob)[0];
    },
  };
}

async function create(
  tx: Transaction,
  tenantId: TenantId,
  { id, tenants, filter: asked, ratePerSecond, force, by, key }: NewRedriveJob,
): Promise<{ readonly job: RedriveJob; readonly isReplay: boolean }> {
  const filter = fixAge(asked, tx.now);
  const job: RedriveJob = {
    ...{ id, state: "queued", filter, ratePerSecond, force, total: await countMatching(tx, tenants, filter) },
    ...{ done: 0, failed: 0, skipped: 0, method: "single", createdAt: tx.now.toISOString() },
  };
  const first = key && (await claimFirst(tx, { tenantId, operation: "dlq.redrive", ...key }, job));
  if (first !== undefined) return { job: first, isReplay: true };
  // the tenant's row: of two at once the second counts the first
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { rowCount } = await tx.query(sql`
    insert into redrive_job (tenant_id, id, filter, tenants, rate_per_second, force, api_key_id, total)
    select ${tenantId}, ${id}, ${JSON.stringify(filter)}::jsonb, ${tenants}::uuid[], ${ratePerSecond}, ${force}, ${by},
      ${job.total}
    where (select count(*) from redrive_job where tenant_id = ${tenantId} and finished_at is null) < ${maxOpenJobs}`);
  if (rowCount > 0) return { job, isReplay: false };
  const message = `${maxOpenJobs} bulk redrives are not finished, the limit is ${maxOpenJobs}`;
  throw new AppError("resource_exhausted", message, { retryAfterMs: 10_000 });
}

/** An age means the time at which the job was made. */
function fixAge({ olderThanMs, ...filter }: DeadLetterFilter, now: Date): DeadLetterFilter {
  if (olderThanMs === undefined) return filter;
  const before = new Date(now.getTime() - olderThanMs).toISOString();
  const isEarlier = filter.failedBefore !== undefined && filter.failedBefore < before;
  return isEarlier ? filter : { ...filter, failedBefore: before };
}

/** Of `j`, a row of redrive_job. */
export const redriveJobColumns: Sql = sql`
  j.id, j.state, j.filter, j.rate_per_second as "ratePerSecond", j.force, j.total, j.done, j.failed, j.skipped, j.method,
  j.error, j.created_at as "createdAt", j.started_at as "startedAt", j.finished_at as "finishedAt"`;

export interface RedriveJobRow {
  readonly id: string;
  readonly state: RedriveJobState;
  readonly filter: DeadLetterFilter;
  readonly ratePerSecond: number;
  readonly force: boolean;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  readonly method: RedriveJob["method"];
  readonly error: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export function toRedriveJob(row: RedriveJobRow): RedriveJob {
  const { id, state, filter, ratePerSecond, force, total, done, failed, skipped, method } = row;
  return {
    id,
    state,
    filter,
    ratePerSecond,
    force,
    total,
    done,
    failed,
    skipped,
    method,
    ...(row.error !== null && { error: row.error }),
    createdAt: row.createdAt.toISOString(),
    ...(row.startedAt !== null && { startedAt: row.startedAt.toISOString() }),
    ...(row.finishedAt !== null && { finishedAt: row.finishedAt.toISOString() }),
  };
}
