import type { Task, TaskEvent, TaskEventType, TaskId, TaskState, TenantId } from "@devmesh/models";
import { isUuid } from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type TaskRef, taskRows } from "../ledger/refs.ts";
import { findStandings, type Standing, type StandingRow, toStandings } from "./lane-standings.ts";
import { findAnswers, toAnswers } from "./task-answers.ts";
import {
  heavyTaskColumns,
  type TaskRow,
  taskColumns,
  taskJoins,
  toListedTask,
  toWholeTask,
  type WholeTaskRow,
} from "./task-columns.ts";

/** Which tasks are listed. All that are given must hold. */
export interface TaskFilter {
  readonly state?: TaskState | undefined;
  readonly type?: string | undefined;
  /** An id or a name: of whom the task is now, or was at its end. */
  readonly agent?: string | undefined;
  readonly label?: string | undefined;
  readonly parent?: TaskId | undefined;
  /** RFC 3339; exclusive. */
  readonly createdAfter?: string | undefined;
}

/** The ledger for those who only look. Tasks of another tenant, and unknown ones, are absent from every answer. */
export interface TaskReads {
  /** In the order asked. `whole` has input, output and `assignment.why`; `unassignedBecause` is the caller's to add. */
  get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed"): Promise<readonly Task[]>;
  /** Newest first, without input, output and `assignment.why`. */
  list(tenantId: TenantId, filter: TaskFilter, page: PageAsked): Promise<readonly Task[]>;
  /** In the order of `seq`, after `afterSeq`. */
  events(tenantId: TenantId, taskId: TaskId, afterSeq: number, limit: number): Promise<readonly TaskEvent[]>;
  /** `eventSeq`: of the latest event. */
  states(
    refs: readonly TaskRef[],
  ): Promise<ReadonlyMap<TaskId, { readonly state: TaskState; readonly eventSeq: number }>>;
  /** Why queued tasks wait; tasks in another state are absent. */
  laneStandings(tenantId: TenantId, taskIds: readonly TaskId[]): Promise<ReadonlyMap<TaskId, Standing>>;
}

/** Reads tasks for people and programs; it locks nothing. */
export function taskReads(database: Database): TaskReads {
  const query = <Row>(tenants: readonly TenantId[], statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants, plans: "by_index" }, statement);
  // a label is found by a GIN index, which a bitmap alone can read
  const queryAny = <Row>(tenantId: TenantId, statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants: [tenantId] }, statement);
  return {
    get: async (tenantId, taskIds, detail) => {
      const tasks =
        detail === "whole"
          ? await getWhole((statement) => query([tenantId], statement), tenantId, taskIds)
          : (await query<TaskRow>([tenantId], getTasks(tenantId, taskIds, taskColumns))).rows.map(toListedTask);
      const tasksById = new Map(tasks.map((task) => [task.id, task]));
      return taskIds.flatMap((id) => tasksById.get(id) ?? []);
    },
    list: async (tenantId, filter, page) => {
      const { rows } = await queryAny<TaskRow>(tenantId, listTasks(tenantId, filter, page));
      return rows.map(toListedTask);
    },
    events: async (tenantId, taskId, afterSeq, limit) => {
      const { rows } = await query<EventRow>([tenantId], listEvents({ tenantId, taskId }, afterSeq, limit));
      return rows.map(({ at, ...event }) => ({ ...event, at: at.toISOString() }));
    },
    states: async (refs) => {
      const tenants = [...new Set(refs.map(({ tenantId }) => tenantId))];
      const { rows } = await query<{ id: TaskId; state: TaskState; eventSeq: number }>(tenants, findStates(refs));
      return new Map(rows.map(({ id, ...standing }) => [id, standing]));
    },
    laneStandings: async (tenantId, taskIds) => {
      const { rows } = await query<StandingRow>([tenantId], findStandings(tenantId, taskIds));
      return toStandings(rows);
    },
  };
}

async function getWhole(
  query: <Row>(statement: Sql) => Promise<QueryResult<Row>>,
  tenantId: TenantId,
  taskIds: readonly TaskId[],
): Promise<readonly Task[]> {
  const { rows } = await query<WholeTaskRow>(getTasks(tenantId, taskIds, wholeColumns));
  const answers = await findAnswers(
    query,
    rows.map((row) => ({ ...row, tenantId })),
  );
  return rows.map((row) => toWholeTask(row, toAnswers(answers, row.id)));
}

interface EventRow {
  readonly seq: number;
  readonly type: TaskEventType;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

const wholeColumns: Sql = sql`${taskColumns}, ${heavyTaskColumns}`;
const finalStates: readonly TaskState[] = ["completed", "failed", "cancelled"];

function getTasks(tenantId: TenantId, taskIds: readonly TaskId[], columns: Sql): Sql {
  return sql`
    select ${columns}
    from task t ${taskJoins}
    where t.tenant_id = ${tenantId} and t.id = any (${taskIds}::uuid[])`;
}

/**
 * Walks an index in the order of the answer and stops at `limit`: `task_unfinished` for a state that is none of the final
 * ones, `task_body_type` for a type, else `task_body_listed`; the other conditions only leave out.
 */
function listTasks(tenantId: TenantId, filter: TaskFilter, { limit, after }: PageAsked): Sql {
  const { state, type, agent, label, parent, createdAfter } = filter;
  const isUnfinished = state !== undefined && !finalStates.includes(state);
  // both times are the same; which one is named decides on the index
  const createdAt = isUnfinished ? sql`t.created_at` : sql`b.created_at`;
  const id = isUnfinished ? sql`t.id` : sql`b.task_id`;
  return sql`
    select ${taskColumns}
    from task t ${taskJoins}
    where t.tenant_id = ${tenantId} and b.tenant_id = ${tenantId}
      ${state === undefined ? sql`` : sql`and t.state = ${state}`}
      ${isUnfinished ? sql`and t.finished_at is null` : sql``}
      ${type === undefined ? sql`` : sql`and b.type = ${type}`}
      ${agent === undefined ? sql`` : isOfAgent(tenantId, agent)}
      ${label === undefined ? sql`` : sql`and b.labels @> ${[label]}::text[] and b.labels <> '{}'`}
      ${parent === undefined ? sql`` : sql`and t.parent_id = ${parent}`}
      ${createdAfter === undefined ? sql`` : sql`and ${createdAt} > ${createdAfter}::timestamptz`}
      ${after === undefined ? sql`` : sql`and (${createdAt}, ${id}) < (${after.at}::timestamptz, ${after.id}::uuid)`}
    order by ${createdAt} desc, ${id} desc
    limit ${limit}`;
}

/** Deregistered agents count too: their tasks are still there. */
function isOfAgent(tenantId: TenantId, agent: string): Sql {
  const folded = agent.toLowerCase();
  const named = isUuid(folded) ? sql`(id = ${folded} or name = ${agent})` : sql`name = ${agent}`;
  return sql`and x.agent_id in (select id from agent where tenant_id = ${tenantId} and ${named})`;
}

function listEvents({ tenantId, taskId }: TaskRef, afterSeq: number, limit: number): Sql {
  return sql`
    select seq, type, at, data
    from task_event
    where tenant_id = ${tenantId} and task_id = ${taskId} and seq > ${afterSeq}
    order by seq
    limit ${limit}`;
}

function findStates(refs: readonly TaskRef[]): Sql {
  return sql`
    select t.id, t.state, t.event_seq as "eventSeq"
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id`;
}
