import { type LedgerChange, type NewTask, tasksDeadLetterQueue, toStorable } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";

/** What a task died of, for the view of dead letters. */
interface Death {
  readonly tenantId: string;
  readonly taskId: string;
  readonly redrives: number;
  /** JSON text of `{class, message}`. */
  readonly error: string | undefined;
}

/** Of a task's error as lists show it; the task keeps the whole. */
const maxMessageLength = 1_000;

/**
 * Enters tasks that failed into the view of dead letters, takes out those that left `failed`, and notes who had them
 * redriven: in the transaction of the change, under the locks of the tasks. Sends nothing where no task died or came back.
 */
export async function writeDeadLetters(tx: Queryable, changes: readonly LedgerChange[]): Promise<void> {
  const deaths = changes
    .filter(({ before, after, events }) => after.state === "failed" && (before.state !== "failed" || events.length > 0))
    .map(({ after }) => after);
  const revived = changes.filter(({ before, after }) => before.state === "failed" && after.state !== "failed");
  if (deaths.length === 0 && revived.length === 0) return;
  await tx.query(sql`
    with ${enterDeaths(deaths)}, revived as (
      update dead_letter d set state = 'redriven', redrives = c.redrives
      from ${unnest(
        ["uuid", revived.map(({ after }) => after.taskId)],
        ["int", revived.map(({ after }) => after.redrives)],
      )} as c (task_id, redrives)
      where d.id = c.task_id
    )
    insert into dead_letter_audit (tenant_id, dead_letter_id, action, api_key_id, force, outcome, job_id)
    select tenant_id, task_id, 'redrive', api_key_id, force, 'redriven', job_id
    from ${redriveRows(changes)} as r (tenant_id, task_id, api_key_id, force, job_id)`);
}

/** Enters tasks that failed with their submission. */
export async function enterBornDead(tx: Queryable, tasks: readonly NewTask[]): Promise<void> {
  const deaths = tasks.filter(({ state }) => state === "failed");
  if (deaths.length === 0) return;
  const rows = deaths.map(({ tenantId, id, error }) => ({ tenantId, taskId: id, redrives: 0, error }));
  await tx.query(sql`with ${enterDeaths(rows)} select 1`);
}

function enterDeaths(deaths: readonly Death[]): Sql {
  const errors = deaths.map(({ error }) => readError(error));
  return sql`died as (
      insert into dead_letter (tenant_id, id, kind, queue, type, reason, message, redrives)
      select c.tenant_id, c.task_id, 'task', ${tasksDeadLetterQueue}, b.type, c.reason, c.message, c.redrives
      from ${unnest(
        ["uuid", deaths.map(({ tenantId }) => tenantId)],
        ["uuid", deaths.map(({ taskId }) => taskId)],
        ["text", errors.map((error) => error.class)],
        ["text", errors.map((error) => error.message)],
        ["int", deaths.map(({ redrives }) => redrives)],
      )} as c (tenant_id, task_id, reason, message, redrives)
      join task_body b on b.task_id = c.task_id
      on conflict (id) do update set reason = excluded.reason, message = excluded.message, failed_at = now(),
        redrives = excluded.redrives, state = 'dead'
    )`;
}

function redriveRows(changes: readonly LedgerChange[]): Sql {
  const redriven = changes.flatMap(({ after, redrive }) => (redrive === undefined ? [] : [{ ...after, ...redrive }]));
  return unnest(
    ["uuid", redriven.map(({ tenantId }) => tenantId)],
    ["uuid", redriven.map(({ taskId }) => taskId)],
    ["uuid", redriven.map(({ by }) => by)],
    ["boolean", redriven.map(({ force }) => force)],
    ["uuid", redriven.map(({ jobId }) => jobId)],
  );
}

function readError(error: string | undefined): { readonly class: string; readonly message: string } {
  const { class: kind, message }: { class?: string; message?: string } =
    error === undefined ? {} : (JSON.parse(error) ?? {});
  return { class: kind ?? "unknown", message: toStorable((message ?? "").slice(0, maxMessageLength)) };
}
