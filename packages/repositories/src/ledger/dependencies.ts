import type { Requirements, TaskId, TaskState } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { type SlotRef, type TaskRef, taskRows } from "./refs.ts";

/**
 * Locks tasks that others are to depend on against changes of their state, in the order of their ids. Of several tenants,
 * each is told only of its own.
 */
export async function lockDependencies(
  tx: Queryable,
  refs: readonly TaskRef[],
): Promise<readonly (TaskRef & { readonly state: TaskState })[]> {
  const { rows } = await tx.query<TaskRef & { readonly state: TaskState }>(sql`
    select t.tenant_id as "tenantId", t.id as "taskId", t.state
    from task t
    where (t.tenant_id, t.id) in (select tenant_id, task_id from ${taskRows(refs)} as asked (tenant_id, task_id))
    order by t.id
    for share of t`);
  return rows;
}

/** The requirements that tasks were submitted with. */
export async function requirementsOf(
  tx: Queryable,
  refs: readonly TaskRef[],
): Promise<ReadonlyMap<TaskId, Requirements>> {
  const { rows } = await tx.query<{ taskId: TaskId; requirements: Requirements }>(sql`
    select b.task_id as "taskId", b.requirements
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    join task_body b on b.tenant_id = asked.tenant_id and b.task_id = asked.task_id`);
  return new Map(rows.map(({ taskId, requirements }) => [taskId, requirements]));
}

/** Blocked tasks that wait for one of these, with how many of their dependencies are not completed. */
export async function findDependents(
  tx: Queryable,
  refs: readonly TaskRef[],
): Promise<readonly (TaskRef & { readonly dependsOn: TaskId; readonly open: number })[]> {
  const { rows } = await tx.query<TaskRef & { dependsOn: TaskId; open: number }>(sql`
    select d.tenant_id as "tenantId", d.task_id as "taskId", d.depends_on_id as "dependsOn", (
      select count(*)::int
      from task_dependency other
      join task o on o.tenant_id = other.tenant_id and o.id = other.depends_on_id
      where other.tenant_id = d.tenant_id and other.task_id = d.task_id and o.state <> 'completed'
    ) as open
    from ${taskRows(refs)} as ended (tenant_id, task_id)
    join task_dependency d on d.tenant_id = ended.tenant_id and d.depends_on_id = ended.task_id
    join task t on t.tenant_id = d.tenant_id and t.id = d.task_id
    where t.state = 'blocked'`);
  return rows;
}

/** Tasks that failed because one of these was not completed, and that no cancelled dependency holds back for ever. */
export async function findFailedDependents(tx: Queryable, refs: readonly TaskRef[]): Promise<readonly TaskRef[]> {
  const { rows } = await tx.query<TaskRef>(sql`
    select distinct d.tenant_id as "tenantId", d.task_id as "taskId"
    from ${taskRows(refs)} as redriven (tenant_id, task_id)
    join task_dependency d on d.tenant_id = redriven.tenant_id and d.depends_on_id = redriven.task_id
    join task t on t.tenant_id = d.tenant_id and t.id = d.task_id
    where t.state = 'failed' and t.error->>'class' = 'dependency' and not exists (
      select from task_dependency other
      join task o on o.id = other.depends_on_id
      where other.task_id = d.task_id and o.state = 'cancelled'
    )`);
  return rows;
}

/** The dependencies of a task that are not completed, at most 100 (the limit of a task), with their states. */
export async function findOpenDependencies(
  tx: Queryable,
  { tenantId, taskId }: TaskRef,
): Promise<ReadonlyMap<TaskId, TaskState>> {
  const { rows } = await tx.query<{ id: TaskId; state: TaskState }>(sql`
    select t.id, t.state
    from task_dependency d
    join task t on t.id = d.depends_on_id
    where d.tenant_id = ${tenantId} and d.task_id = ${taskId} and t.state <> 'completed'
    limit 100`);
  return new Map(rows.map(({ id, state }) => [id, state]));
}

/** Which assignments of an agent are asked for. */
export interface HeldAsked {
  readonly offeredOnly: boolean;
  readonly limit: number;
}

/** Tasks of which an agent has an open assignment, or with `offeredOnly` one that it has not accepted yet. */
export async function findHeld(
  tx: Queryable,
  { tenantId, agentId }: SlotRef,
  { offeredOnly, limit }: HeldAsked,
): Promise<readonly TaskRef[]> {
  const { rows } = await tx.query<TaskRef>(sql`
    select tenant_id as "tenantId", task_id as "taskId"
    from assignment
    where tenant_id = ${tenantId} and agent_id = ${agentId} and is_open and (not ${offeredOnly} or state = 'offered')
    order by seq
    limit ${limit}`);
  return rows;
}
