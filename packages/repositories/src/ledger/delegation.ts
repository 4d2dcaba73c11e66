import {
  type AgentId,
  type AssignmentId,
  type ChildResult,
  type Heritage,
  maxOpenAssignments,
  type TaskId,
  type TenantId,
} from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { type SlotRef, slotRows, type TaskRef, taskRows } from "./refs.ts";

/** The most children that one answer tells of: the newest. */
const maxChildren = 1_000;
/** The most bytes of outputs in one answer, as JSON texts. */
const maxOutputBytes = 262_144;

/** An assignment by its id. */
export interface AssignmentRef {
  readonly tenantId: TenantId;
  readonly assignmentId: AssignmentId;
}

/** Where tasks may go on: parents of which a child became final, agents of which a slot came free. */
export interface ResumeAsked {
  readonly parents: readonly TaskRef[];
  readonly agents: readonly SlotRef[];
}

/** Locks the tasks of assignments and other tasks against changes, all together in the order of their ids. */
export async function lockTogether(
  tx: Queryable,
  assignments: readonly AssignmentRef[],
  tasks: readonly TaskRef[],
): Promise<void> {
  await tx.query(sql`
    select
    from (
      select a.tenant_id, a.task_id
      from ${assignmentRows(assignments)} as asked (tenant_id, assignment_id)
      join assignment a on a.tenant_id = asked.tenant_id and a.id = asked.assignment_id
      union
      select tenant_id, task_id from ${taskRows(tasks)} as asked (tenant_id, task_id)
    ) named
    join task t on t.tenant_id = named.tenant_id and t.id = named.task_id
    order by t.id
    for update of t`);
}

/** What children inherit from the tasks of assignments, their deadlines aside, and how much their agents have open. */
export async function findHeritage(
  tx: Queryable,
  refs: readonly AssignmentRef[],
): Promise<ReadonlyMap<TaskId, Heritage>> {
  const { rows } = await tx.query<Omit<Heritage, "traceparent"> & { taskId: TaskId; traceparent: string | null }>(sql`
    select t.id as "taskId", t.depth, b.labels, b.traceparent, (
      select count(*)::int
      from (select 1 as one from assignment o where o.agent_id = a.agent_id and o.is_open limit ${maxOpenAssignments}) open
    ) as "openAssignments"
    from ${assignmentRows(refs)} as asked (tenant_id, assignment_id)
    join assignment a on a.tenant_id = asked.tenant_id and a.id = asked.assignment_id
    join task t on t.id = a.task_id
    join task_body b on b.task_id = t.id`);
  return new Map(
    rows.map(({ taskId, traceparent, ...rest }) => [taskId, { ...rest, traceparent: traceparent ?? undefined }]),
  );
}

/** Unfinished tasks that were delegated from these, however many tasks, finished ones too, lie between. */
export async function findDescendants(tx: Queryable, refs: readonly TaskRef[]): Promise<readonly TaskRef[]> {
  const { rows } = await tx.query<TaskRef>(sql`
    with recursive tree (tenant_id, id, finished_at) as (
      select t.tenant_id, t.id, t.finished_at
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      join task t on t.tenant_id = asked.tenant_id and t.parent_id = asked.task_id
      union
      select t.tenant_id, t.id, t.finished_at
      from tree
      join task t on t.tenant_id = tree.tenant_id and t.parent_id = tree.id
    )
    select tenant_id as "tenantId", id as "taskId" from tree where finished_at is null`);
  return rows;
}

/**
 * Tasks that gave up their slot and may have one again: those of `parents` without an unfinished child, and for each of
 * `agents` as many as it has free slots, of those whose children are final, the oldest first. Locks nothing.
 */
export async function findResumable(tx: Queryable, { parents, agents }: ResumeAsked): Promise<readonly TaskRef[]> {
  const { rows } = await tx.query<TaskRef>(sql`
    select a.tenant_id as "tenantId", a.task_id as "taskId"
    from ${taskRows(parents)} as asked (tenant_id, task_id)
    join task t on t.tenant_id = asked.tenant_id and t.id = asked.task_id
    join assignment a on a.tenant_id = t.tenant_id and a.id = t.assignment_id
    where a.is_open and a.slot <> 'held' and (
      select 1 as one from task c where c.parent_id = t.id and c.finished_at is null limit 1
    ) is null
    union
    select waiting.tenant_id, waiting.task_id
    from ${slotRows(agents)} as asked (tenant_id, agent_id)
    join agent_slot s on s.tenant_id = asked.tenant_id and s.agent_id = asked.agent_id
    cross join lateral (
      select a.tenant_id, a.task_id
      from assignment a
      where a.tenant_id = s.tenant_id and a.agent_id = s.agent_id and a.is_open and a.slot = 'awaited'
      order by a.id
      limit greatest(s.max_concurrency - s.in_flight, 0)
    ) waiting`);
  return rows;
}

/** Those of the tasks that have an unfinished child. */
export async function findOpenParents(tx: Queryable, refs: readonly TaskRef[]): Promise<ReadonlySet<TaskId>> {
  const { rows } = await tx.query<Pick<TaskRef, "taskId">>(sql`
    select asked.task_id as "taskId"
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    where (
      select 1 as one
      from task c
      where c.parent_id = asked.task_id and c.finished_at is null
      limit 1
    ) is not null`);
  return new Set(rows.map(({ taskId }) => taskId));
}

/** Locks the slots of agents, in the order of their ids, and tells how many are free; fewer than none where a limit sank. */
export async function lockFreeSlots(tx: Queryable, agents: readonly SlotRef[]): Promise<ReadonlyMap<AgentId, number>> {
  const { rows } = await tx.query<{ agentId: AgentId; free: number }>(sql`
    select s.agent_id as "agentId", s.max_concurrency - s.in_flight as free
    from agent_slot s
    where (s.tenant_id, s.agent_id) in (select tenant_id, agent_id from ${slotRows(agents)} as a (tenant_id, agent_id))
    order by s.agent_id
    for update of s`);
  return new Map(rows.map(({ agentId, free }) => [agentId, free]));
}

/**
 * The children of tasks and what became of them, the oldest first: of each task the newest 1,000. Outputs are given, the
 * smallest first, as long as they are no more than 256 KiB in all.
 */
export async function findChildren(
  tx: Queryable,
  refs: readonly TaskRef[],
): Promise<ReadonlyMap<TaskId, readonly ChildResult[]>> {
  const { rows } = await tx.query<ChildRow>(sql`
    select child."parentId", child."taskId", child.ref, child.type, child.state, child.error,
      case when sum(child.bytes) over (
        partition by child."parentId" order by child.bytes, child."taskId" rows unbounded preceding
      ) <= ${maxOutputBytes} then child.output::text end as output
    from (
      select asked.task_id as "parentId", c.id as "taskId", b.ref, b.type, c.state, c.error::text as error, r.output,
        case
          when r.output is null then 0
          when pg_column_size(r.output) > ${maxOutputBytes} then ${maxOutputBytes + 1}
          else octet_length(r.output::text)
        end as bytes
      from ${taskRows(refs)} as asked (tenant_id, task_id)
      cross join lateral (
        select t.id, t.state, t.error
        from task t
        where t.parent_id = asked.task_id
        order by t.parent_id desc, t.id desc
        limit ${maxChildren}
      ) c
      join task_body b on b.task_id = c.id
      left join task_result r on r.task_id = c.id
    ) child
    order by child."parentId", child."taskId"`);
  const byParent = Map.groupBy(rows, ({ parentId }) => parentId);
  return new Map([...byParent].map(([parentId, children]) => [parentId, children.map(toChild)]));
}

function assignmentRows(refs: readonly AssignmentRef[]): Sql {
  return unnest(["uuid", refs.map(({ tenantId }) => tenantId)], ["uuid", refs.map(({ assignmentId }) => assignmentId)]);
}

interface ChildRow extends Omit<ChildResult, "ref" | "error" | "output"> {
  readonly parentId: TaskId;
  readonly ref: string | null;
  readonly error: string | null;
  readonly output: string | null;
}

/** Goes to the agent as it is: what is named here, and nothing else. */
function toChild({ taskId, ref, type, state, output, error }: ChildRow): ChildResult {
  return { taskId, ref: ref ?? undefined, type, state, output: output ?? undefined, error: error ?? undefined };
}
