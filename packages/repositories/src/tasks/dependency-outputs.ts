import type { Task, TaskId, TenantId } from "@devmesh/models";
import type { QueryResult } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";

/** One that a task depends on, and what it gave. */
export interface DependencyRow {
  readonly taskId: TaskId;
  readonly id: TaskId;
  readonly ref: string | null;
  readonly output: unknown;
  /** Why the output was not read; null where it was. All outputs of a task are read, or none. */
  readonly leftOut: LeftOut | null;
}

/** Those of one task are `too_large`; or, with those of tasks before it, they are too much at once: `later`. */
export type LeftOut = "too_large" | "later";

/** How much of outputs is read, in bytes as JSON: it is held in memory. */
export interface OutputBounds {
  readonly ofTask: number;
  /** Not less than `ofTask`, so that the first that is not too large is always read. */
  readonly together: number;
}

/** The dependencies of tasks, by task, in no order. */
export type DependenciesByTask = ReadonlyMap<TaskId, readonly DependencyRow[]>;

/**
 * Reads what those of the tasks that depend on others are told of these, in the order of the tasks up to the bounds; where
 * none depends on any, nothing is asked.
 */
export async function findDependencyOutputs(
  query: (statement: Sql) => Promise<QueryResult<DependencyRow>>,
  tasks: readonly { readonly tenantId: TenantId; readonly id: TaskId; readonly dependsOn: readonly TaskId[] }[],
  { ofTask, together }: OutputBounds,
): Promise<DependenciesByTask> {
  const asked = tasks.filter(({ dependsOn }) => dependsOn.length > 0);
  if (asked.length === 0) return new Map();
  const numbered = unnest(
    ["uuid", asked.map(({ tenantId }) => tenantId)],
    ["uuid", asked.map(({ id }) => id)],
    ["int", asked.map((_, index) => index)],
  );
  const { rows } = await query(sql`
    with sized as materialized (
      select asked.number, d.task_id, d.depends_on_id, b.ref, r.output,
        coalesce(octet_length(r.output::text), 0) as bytes
      from ${numbered} as asked (tenant_id, task_id, number)
      join task_dependency d on d.tenant_id = asked.tenant_id and d.task_id = asked.task_id
      join task_body b on b.tenant_id = d.tenant_id and b.task_id = d.depends_on_id
      left join task_result r on r.tenant_id = d.tenant_id and r.task_id = d.depends_on_id
    ), summed as (
      select sized.*, sum(bytes) over (partition by number) as own from sized
    ), judged as (
      select summed.*, case
        when own > ${ofTask} then 'too_large'
        when sum(bytes) filter (where own <= ${ofTask}) over (order by number) > ${together} then 'later'
      end as left_out
      from summed
    )
    select task_id as "taskId", depends_on_id as id, ref, case when left_out is null then output end as output,
      left_out as "leftOut"
    from judged`);
  return Map.groupBy(rows, ({ taskId }) => taskId);
}

/** Whether, and why, the outputs that a task depends on were not read. */
export function findLeftOut(dependencies: DependenciesByTask, id: TaskId): LeftOut | undefined {
  return dependencies.get(id)?.[0]?.leftOut ?? undefined;
}

/** What a task that depends on others is shown with, in the order in which it names them. */
export function toDependencies(
  dependencies: DependenciesByTask,
  { id, dependsOn }: { readonly id: TaskId; readonly dependsOn: readonly TaskId[] },
): Pick<Task, "dependencies"> {
  if (dependsOn.length === 0) return {};
  const found = dependencies.get(id) ?? [];
  const sorted = dependsOn.flatMap((dependencyId) => found.find((one) => one.id === dependencyId) ?? []);
  return {
    dependencies: sorted.map(({ id: dependencyId, ref, output }) => ({
      id: dependencyId,
      ...(ref !== null && { ref }),
      output,
    })),
  };
}
