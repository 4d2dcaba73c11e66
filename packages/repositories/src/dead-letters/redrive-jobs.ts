import {
  type ApiKeyId,
  AppError,
  type DeadLetterFilter,
  type RedriveJob,
  type RedriveJobState,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agent-repository.ts";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
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
}

/** Bulk redrives for those who ask for them; the worker carries them out. */
export interface RedriveJobs {
  /** @throws AppError `resource_exhausted` where the tenant has {@link maxOpenJobs} that are not finished. */
  create(tenantId: TenantId, job: NewRedriveJob): Promise<RedriveJob>;
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
    create: (tenantId, { id, tenants, filter, ratePerSecond, force, by }) =>
      database.transaction({ role: "devmesh_app", tenants: [...new Set([tenantId, ...tenants])] }, async (tx) => {
        // the tenant's row: of two at once the second counts the first
        await tx.query(sql`select id from tenant where id = ${tenantId} for update`);
        const total = await countMatching(tx, tenants, filter);
        const { rows } = await tx.query<RedriveJobRow>(sql`
          insert into redrive_job as j (tenant_id, id, filter, tenants, rate_per_second, force, api_key_id, total)
          select ${tenantId}, ${id}, ${JSON.stringify(filter)}::jsonb, ${tenants}::uuid[], ${ratePerSecond}, ${force}, ${by}, ${total}
          where (select count(*) from redrive_job where tenant_id = ${tenantId} and finished_at is null) < ${maxOpenJobs}
          returning ${redriveJobColumns}`);
        const [row] = rows;
        if (row !== undefined) return toRedriveJob(row);
        throw new AppError(
          "resource_exhausted",
          `${maxOpenJobs} redrives are not finished, the limit is ${maxOpenJobs}`,
          {
            retryAfterMs: 10_000,
          },
        );
      }),
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
