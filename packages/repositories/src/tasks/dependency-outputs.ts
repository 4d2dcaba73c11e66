import type { Task, TaskId, TenantId } from "@devmesh/models";
import type { QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type TaskRef, taskRows } from "../ledger/refs.ts";

/** One that a task depends on, and what it gave. */
export interface DependencyRow {
  readonly taskId: TaskId;
  readonly id: TaskId;
  readonly ref: string | null;
  readonly output: unknown;
  /** The output was not read: together they are too much. */
  readonly isLeftOut: boolean;
}

/** The dependencies of tasks, by task, in no order. */
export type DependenciesByTask = ReadonlyMap<TaskId, readonly DependencyRow[]>;

/**
 * Reads what those of the tasks that depend on others are told of these; where none does, nothing is asked.
 *
 * @param maxBytes of outputs, as JSON: what is read is held in memory. What is beyond is left out.
 */
export async function findDependencyOutputs(
  query: (statement: Sql) => Promise<QueryResult<DependencyRow>>,
  tasks: readonly { readonly tenantId: TenantId; readonly id: TaskId; readonly dependsOn: readonly TaskId[] }[],
  maxBytes?: number,
): Promise<DependenciesByTask> {
  const refs = tasks.flatMap(({ tenantId, id, dependsOn }): readonly TaskRef[] =>
    dependsOn.length > 0 ? [{ tenantId, taskId: id }] : [],
  );
  if (refs.length === 0) return new Map();
  const { rows } = await query(sql`
    select d.task_id as "taskId", d.depends_on_id as id, b.ref, ${maxBytes === undefined ? whole : upTo(maxBytes)}
    from ${taskRows(refs)} as asked (tenant_id, task_id)
    join task_dependency d on d.tenant_id = asked.tenant_id and d.task_id = asked.task_id
    join task_body b on b.tenant_id = d.tenant_id and b.task_id = d.depends_on_id
    left join task_result r on r.tenant_id = d.tenant_id and r.task_id = d.depends_on_id`);
  return Map.groupBy(rows, ({ taskId }) => taskId);
}

const whole: Sql = sql`r.output, false as "isLeftOut"`;

function upTo(maxBytes: number): Sql {
  const bytes = sql`sum(octet_length(r.output::text)) over (order by d.task_id, d.depends_on_id)`;
  return sql`case when ${bytes} <= ${maxBytes} then r.output end as output,
      coalesce(${bytes} > ${maxBytes}, false) as "isLeftOut"`;
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
