import {
  type ApiKeyId,
  type DeadLetterFilter,
  type DeadLetterKind,
  maxRedrives,
  type RedriveJob,
  type RedriveJobState,
  type TenantId,
} from "@devmesh/models";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { matches } from "./dead-letter-columns.ts";
import { type RedriveJobRow, redriveJobColumns, toRedriveJob } from "./redrive-jobs.ts";

/** Where a job has come to: deaths are taken oldest first. */
export interface RedriveCursor {
  readonly at: Date;
  readonly id: string;
}

/** An unfinished job, with what its holder needs. */
export interface OpenRedrive {
  readonly job: RedriveJob;
  readonly tenants: readonly TenantId[];
  readonly by: ApiKeyId;
  readonly cursor: RedriveCursor | undefined;
}

/** A dead letter whose turn it is. */
export interface DueLetter {
  readonly tenantId: TenantId;
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly failedAt: Date;
}

/** What became of a number of dead letters. */
export interface RedriveCounts {
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Bulk redrives for the one worker that carries them out. Works as the engine. */
export interface OpenRedrives {
  /** The unfinished ones, oldest first. */
  list(limit: number): Promise<readonly OpenRedrive[]>;
  /** Begins one, or takes it up again: counts anew from the audit, which a lost process left behind. */
  begin(id: string): Promise<RedriveJobState>;
  /** The next to be handled: those that were dead when the job was made, after the cursor. */
  next(redrive: OpenRedrive, limit: number): Promise<readonly DueLetter[]>;
  /** Adds to the counts and moves the cursor; answers the state, which a stop may have changed. */
  advance(id: string, counts: RedriveCounts, cursor: RedriveCursor | undefined): Promise<RedriveJobState>;
  finish(id: string, state: "completed" | "stopped" | "failed", error?: string): Promise<void>;
  /**
   * Hands all dead messages of a queue to a move by SQS, counted and noted; false where one of them is past the limit and
   * the job has no `force`, or is not the job's to touch: then nothing was changed.
   */
  beginMove(redrive: OpenRedrive, queue: string): Promise<boolean>;
  setMoved(id: string, moved: number): Promise<RedriveJobState>;
  /** Ends a move: what still lies in the dead-letter queue is dead as before, and its redrive does not count. */
  endMove(id: string, stillDead: readonly string[]): Promise<void>;
  /** Takes a move back that SQS did not begin. */
  undoMove(id: string): Promise<void>;
}

export function openRedrives(database: Database): OpenRedrives {
  const query = <Row>(statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_engine", plans: "by_index" }, statement);
  const stateOf = async (statement: Sql): Promise<RedriveJobState> =>
    (await query<{ state: RedriveJobState }>(statement)).rows[0]?.state ?? "stopped";
  return {
    list: async (limit) => (await query<OpenRow>(listOpen(limit))).rows.map(toOpenRedrive),
    begin: (id) => stateOf(begin(id)),
    next: async (redrive, limit) => (await query<DueLetter>(findDue(redrive, limit))).rows,
    advance: (id, { done, failed, skipped }, cursor) =>
      stateOf(sql`
        update redrive_job set done = done + ${done}, failed = failed + ${failed}, skipped = skipped + ${skipped},
          cursor_at = coalesce(${cursor?.at}::timestamptz, cursor_at), cursor_id = coalesce(${cursor?.id}::uuid, cursor_id)
        where id = ${id}
        returning state`),
    finish: async (id, state, error) => {
      await query(sql`
        update redrive_job j
        set state = ${state}, finished_at = now(), error = ${error}, ${counted(id)}
        where j.id = ${id} and j.finished_at is null`);
    },
    beginMove: (redrive, queue) => beginMove(database, redrive, queue),
    setMoved: (id, moved) => stateOf(sql`update redrive_job set done = ${moved} where id = ${id} returning state`),
    endMove: async (id, stillDead) => {
      await query(endMove(id, stillDead));
    },
    undoMove: (id) => undoMove(database, id),
  };
}

interface OpenRow extends RedriveJobRow {
  readonly tenants: readonly TenantId[];
  readonly by: ApiKeyId;
  readonly cursorAt: Date | null;
  readonly cursorId: string | null;
}

function listOpen(limit: number): Sql {
  return sql`
    select ${redriveJobColumns}, j.tenants, j.api_key_id as by, j.cursor_at as "cursorAt", j.cursor_id as "cursorId"
    from redrive_job j
    where j.finished_at is null
    order by j.created_at
    limit ${limit}`;
}

function toOpenRedrive(row: OpenRow): OpenRedrive {
  const { tenants, by, cursorAt, cursorId } = row;
  const cursor = cursorAt === null || cursorId === null ? undefined : { at: cursorAt, id: cursorId };
  return { job: toRedriveJob(row), tenants, by, cursor };
}

function begin(id: string): Sql {
  return sql`
    update redrive_job j
    set state = case j.state when 'queued' then 'running' else j.state end, started_at = coalesce(j.started_at, now()),
      ${counted(id)}
    where j.id = ${id} and j.finished_at is null
    returning j.state`;
}

/** The counts as the audit has them. */
function counted(id: string): Sql {
  return sql`(done, failed, skipped) = (
        select count(*) filter (where outcome = 'redriven'), count(*) filter (where outcome = 'failed'),
          count(*) filter (where outcome = 'refused')
        from dead_letter_audit where job_id = ${id}
      )`;
}

/** What dies while the job runs is left for another. */
function findDue({ job, tenants, cursor }: OpenRedrive, limit: number): Sql {
  const filter: DeadLetterFilter = job.filter;
  return sql`
    select d.*
    from unnest(${tenants}::uuid[]) as mine (tenant_id)
    cross join lateral (
      select d.tenant_id as "tenantId", d.id, d.kind, d.failed_at as "failedAt"
      from dead_letter d
      where d.tenant_id = mine.tenant_id and d.state in ('dead', 'redriving') and d.state = 'dead'
        and d.failed_at <= ${job.createdAt}::timestamptz ${matches(filter)}
        ${cursor === undefined ? sql`` : sql`and (d.failed_at, d.id) > (${cursor.at}::timestamptz, ${cursor.id}::uuid)`}
      order by d.failed_at, d.id
      limit ${limit}
    ) d
    order by d."failedAt", d.id
    limit ${limit}`;
}

/** Two statements: the messages are locked, and nobody can change what was checked. */
function beginMove(database: Database, { job, tenants, by }: OpenRedrive, queue: string): Promise<boolean> {
  // reads the view of all tenants: rarely, and not by an index
  return database.transaction({ role: "devmesh_engine" }, async (tx) => {
    const { rows } = await tx.query<{ id: string; isAllowed: boolean }>(sql`
      select d.id, d.tenant_id = any (${tenants}::uuid[]) and (${job.force}::boolean or d.redrives < ${maxRedrives}) as "isAllowed"
      from dead_letter d
      where d.state in ('dead', 'redriving') and d.kind = 'message' and d.queue = ${queue}
      order by d.id
      for update of d`);
    if (rows.some(({ isAllowed }) => !isAllowed)) return false;
    await tx.query(sql`
      with handed as (
        update dead_letter d set state = 'redriving', redrives = d.redrives + 1, job_id = ${job.id}
        where d.id = any (${rows.map(({ id }) => id)}::uuid[]) and d.state = 'dead'
        returning d.tenant_id, d.id
      ), noted as (
        insert into dead_letter_audit (tenant_id, dead_letter_id, action, api_key_id, force, outcome, job_id)
        select tenant_id, id, 'redrive', ${by}, ${job.force}::boolean, 'pending', ${job.id} from handed
      )
      update redrive_job set method = 'native' where id = ${job.id}`);
    return true;
  });
}

function endMove(id: string, stillDead: readonly string[]): Sql {
  return sql`
    with ended as (
      update dead_letter d
      set state = case when d.id = any (${stillDead}::uuid[]) then 'dead' else 'redriven' end,
        redrives = d.redrives - case when d.id = any (${stillDead}::uuid[]) then 1 else 0 end,
        job_id = case when d.id = any (${stillDead}::uuid[]) then null else d.job_id end
      where d.state in ('redriving', 'purging') and d.state = 'redriving' and d.job_id = ${id}
      returning d.id
    )
    update dead_letter_audit a
    set outcome = case when a.dead_letter_id = any (${stillDead}::uuid[]) then 'stopped' else 'redriven' end
    where a.job_id = ${id} and a.outcome = 'pending'`;
}

function undoMove(database: Database, id: string): Promise<void> {
  return database.transaction({ role: "devmesh_engine", plans: "by_index" }, async (tx) => {
    await tx.query(sql`
      update dead_letter d set state = 'dead', redrives = d.redrives - 1, job_id = null
      where d.state in ('redriving', 'purging') and d.state = 'redriving' and d.job_id = ${id}`);
    await tx.query(sql`delete from dead_letter_audit where job_id = ${id} and outcome = 'pending'`);
    await tx.query(sql`update redrive_job set method = 'single' where id = ${id}`);
  });
}
