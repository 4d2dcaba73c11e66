import { type Database, type Sql, sql } from "@devmesh/repositories";
import type { Observation } from "./load/observation.ts";
import type { WorkLoad } from "./load/work-load.ts";

/** What may not be, with some of the cases. */
export interface Violation {
  readonly what: string;
  readonly cases: readonly unknown[];
}

/** What the ledger is held against. */
export interface Evidence {
  /** All loads since the database was made. */
  readonly loads: readonly WorkLoad[];
  readonly observations: readonly Observation[];
}

/** Cases of one kind that are named. */
const maxCases = 5;

/** Holds the whole ledger against what was promised, and against what callers and agents have seen. */
export async function checkLedger(database: Database, evidence: Evidence): Promise<readonly Violation[]> {
  const accepted = evidence.loads.flatMap((load) => [...load.accepted]);
  const cancelled = evidence.loads.flatMap((load) => [...load.cancelled]);
  const checks = Object.entries({ ...checksOfTasks(accepted, cancelled), ...checksOfTries, ...checksOfEvents });
  const found: Violation[] = [];
  for (const [what, statement] of checks) {
    const { rows } = await database.query(sql`${statement} limit ${maxCases}`);
    if (rows.length > 0) found.push({ what, cases: rows });
  }
  const results = await readResults(database);
  const misled = findMisled(evidence.observations, results);
  if (misled.length > 0) found.push({ what: "an agent was told of a result that is not recorded", cases: misled });
  const problems = evidence.loads.flatMap((load) => load.problems);
  if (problems.length > 0) found.push({ what: "an answer that no fault explains", cases: problems.slice(0, maxCases) });
  const gaveUp = evidence.observations.filter(({ what }) => what === "gave_up");
  if (gaveUp.length > 0) found.push({ what: "an agent stopped for good", cases: gaveUp.slice(0, maxCases) });
  return found;
}

/** True when every task of the ledger is final, every slot free, and the relay has read every event. */
export async function isSettled(database: Database): Promise<boolean> {
  const { rows } = await database.query<{ settled: boolean }>(sql`
    select not exists (select from task where finished_at is null)
      and not exists (select from agent_slot where in_flight > 0)
      and not exists (
        select from relay_cursor c join task_event e on e.xid > '0' and (e.xid, e.recorded) > (c.xid, c.recorded)
      ) as settled`);
  return rows[0]?.settled ?? false;
}

function checksOfTasks(accepted: readonly string[], cancelled: readonly string[]): Readonly<Record<string, Sql>> {
  return {
    "a task that got its 201 is lost": sql`
      select id from unnest(${accepted}::uuid[]) as accepted (id)
      where not exists (select from task t where t.id = accepted.id)`,
    "a task that nobody was told of": sql`
      select id from task where not id = any(${accepted}::uuid[])`,
    "a submit took effect twice": sql`
      select input->>'name' as load, input->>'number' as number from task_body
      group by input->>'name', input->>'number' having count(*) > 1`,
    "a task that is not final": sql`
      select id, state, finished_at from task
      where finished_at is null or state not in ('completed', 'failed', 'cancelled')`,
    "a task that ended otherwise than it should": sql`
      select t.id, b.type, t.state, t.error, t.counted from task t join task_body b on b.task_id = t.id
      where t.state <> case b.type when 'doomed' then 'failed' else 'completed' end
        and not (t.state = 'cancelled' and t.id = any(${cancelled}::uuid[]))`,
    "completed without a result, or a result without being completed": sql`
      select t.id, t.state, r.assignment_id from task t left join task_result r on r.task_id = t.id
      where (t.state = 'completed') <> (r.task_id is not null)`,
    "a result that is not of the winning try": sql`
      select r.task_id, r.assignment_id, r.output, a.fence, t.fence as "taskFence", a.state
      from task_result r
      join task t on t.id = r.task_id
      join task_body b on b.task_id = r.task_id
      left join assignment a on a.id = r.assignment_id
      where a.id is null or a.task_id <> r.task_id or a.fence <> t.fence or a.state <> 'completed'
        or r.output->>'assignmentId' <> a.id::text or (r.output->>'fence')::int <> a.fence
        or r.output->>'number' <> b.input->>'number'`,
  };
}

const checksOfTries: Readonly<Record<string, Sql>> = {
  "fences are not 1, 2, 3 and so on": sql`
    select t.id, t.fence, array_agg(a.fence order by a.fence) as fences
    from task t left join assignment a on a.task_id = t.id
    group by t.id having count(a.id) <> t.fence or coalesce(max(a.fence), 0) <> t.fence`,
  "more than one completed try": sql`
    select task_id from assignment where state = 'completed' group by task_id having count(*) > 1`,
  "a try that is open, or a slot that is taken": sql`
    select s.agent_id, s.in_flight, count(a.id) as open
    from agent_slot s left join assignment a on a.agent_id = s.agent_id and a.is_open
    group by s.agent_id having s.in_flight <> 0 or count(a.id) > 0`,
  "a try that was claimed under no key, or under two": sql`
    select a.id, a.task_id, count(k.assignment_id) as keys
    from assignment a
    join agent g on g.id = a.agent_id and g.delivery = 'pull'
    left join (
      select json_array_elements_text(response->'assignmentIds') as assignment_id
      from idempotency_key where operation = 'tasks.claim'
    ) k on k.assignment_id = a.id::text
    group by a.id, a.task_id having count(k.assignment_id) <> 1`,
  "seen at a commit": sql`select what, at, details from fault.violation`,
};

const checksOfEvents: Readonly<Record<string, Sql>> = {
  "more than one task.completed": sql`
    select task_id from task_event where type = 'task.completed' group by task_id having count(*) > 1`,
  "numbers of events with gaps": sql`
    select t.id, t.event_seq, count(e.seq) as events from task t left join task_event e on e.task_id = t.id
    group by t.id having count(e.seq) <> t.event_seq or max(e.seq) <> t.event_seq`,
  "an event after the task's end": sql`
    select later.task_id, ended.type, later.type as "laterType" from task_event ended
    join task_event later on later.task_id = ended.task_id and later.seq > ended.seq
    where ended.type in ('task.completed', 'task.failed', 'task.cancelled')`,
  "an event of a try after its end": sql`
    select later.task_id, ended.type, later.type as "laterType", later.data from task_event ended
    join task_event later on later.task_id = ended.task_id and later.seq > ended.seq
      and later.data->>'assignmentId' = ended.data->>'assignmentId'
    where ended.type in ('task.completed', 'task.attempt_failed', 'task.rejected', 'task.accept_expired',
      'task.lease_expired')`,
  "an event under an older fence": sql`
    select later.task_id, earlier.type, later.type as "laterType" from task_event earlier
    join task_event later on later.task_id = earlier.task_id and later.seq > earlier.seq
      and (later.data->>'fence')::int < (earlier.data->>'fence')::int`,
};

type ResultsByTask = ReadonlyMap<string, string>;

async function readResults(database: Database): Promise<ResultsByTask> {
  const { rows } = await database.query<{ taskId: string; assignmentId: string }>(sql`
    select task_id as "taskId", assignment_id as "assignmentId" from task_result`);
  return new Map(rows.map(({ taskId, assignmentId }) => [taskId, assignmentId]));
}

/**
 * Agents that were told that their end of a task is recorded, and the task completed, while the result is another's. One
 * that also failed at the same task is left out: its repeated failure is answered with the state that others brought about.
 */
function findMisled(observations: readonly Observation[], results: ResultsByTask): readonly Observation[] {
  const keyOf = (agent: string, taskId: string): string => `${agent} ${taskId}`;
  const returned = new Map<string, string[]>();
  const failed = new Set<string>();
  for (const seen of observations) {
    if (seen.what === "threw") failed.add(keyOf(seen.agent, seen.taskId));
    if (seen.what !== "returned") continue;
    const key = keyOf(seen.agent, seen.taskId);
    returned.set(key, [...(returned.get(key) ?? []), seen.assignmentId]);
  }
  return observations
    .filter((seen) => {
      if (seen.what !== "recorded" || seen.taskState !== "completed") return false;
      const key = keyOf(seen.agent, seen.taskId);
      const result = results.get(seen.taskId) ?? "";
      return !failed.has(key) && returned.get(key)?.includes(result) !== true;
    })
    .slice(0, maxCases);
}
