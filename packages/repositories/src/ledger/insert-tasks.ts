import type { NewTask, TaskEventType } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { enterBornDead } from "./write-dead-letters.ts";

/** Writes new tasks with their bodies, dependencies and first events, in one statement; others for budgets and born dead. */
export async function insertTasks(tx: Queryable, tasks: readonly NewTask[]): Promise<void> {
  // sent together: a transaction may be told to end right behind them
  const written = tx.query(sql`
    with ledger as (
      insert into task (tenant_id, id, state, lane_id, rank, queue_rank, strategy, max_attempts, timeout_ms, deadline,
        wake_at, parent_id, depth, has_output_schema, error, finished_at, event_seq,
        budget_ids)
      select tenant_id, id, state, lane_id, rank, case when state = 'queued' then rank end, strategy, max_attempts,
        timeout_ms, deadline, wake_at, parent_id, depth, has_output_schema, error, case when state = 'failed' then now() end, events,
        budget_ids::uuid[]${inheritedBudgets(tasks)}
      from ${ledgerRows(tasks)} as t (tenant_id, id, state, lane_id, rank, strategy, max_attempts, timeout_ms, deadline,
        wake_at, parent_id, depth, has_output_schema, error, events, budget_ids)
    ), body as (
      insert into task_body (tenant_id, task_id, type, title, ref, requirements, priority, not_before, labels,
        depends_on, contexts, input, output_schema, traceparent, budget, tree_budget, created_at)
      select tenant_id, task_id, type, title, ref, requirements, priority, not_before,
        array(select jsonb_array_elements_text(labels)), depends_on::uuid[], contexts::uuid[], input, output_schema,
        traceparent, budget, tree_budget, now()
      from ${bodyRows(tasks)} as b (tenant_id, task_id, type, title, ref, requirements, priority, not_before, labels,
        depends_on, contexts, input, output_schema, traceparent, budget, tree_budget)
    ), dependency as (
      insert into task_dependency (tenant_id, task_id, depends_on_id)
      select tenant_id, task_id, depends_on_id
      from ${dependencyRows(tasks)} as d (tenant_id, task_id, depends_on_id)
    )
    insert into task_event (tenant_id, task_id, seq, type, data)
    select tenant_id, task_id, seq, type, data
    from ${eventRows(tasks)} as e (tenant_id, task_id, seq, type, data)`);
  await Promise.all([written, insertBudgets(tx, tasks), enterBornDead(tx, tasks)]);
}

/** What is delegated belongs to the trees that its parent belongs to. */
function inheritedBudgets(tasks: readonly NewTask[]): Sql {
  if (tasks.every(({ parentId }) => parentId === undefined)) return sql``;
  return sql` || array(
          select b.id
          from task parent
          join budget b on b.id = any (parent.budget_ids) and b.scope = 'tree'
          where parent.id = t.parent_id
        )`;
}

async function insertBudgets(tx: Queryable, tasks: readonly NewTask[]): Promise<void> {
  const budgets = tasks.flatMap((task) => task.budgets ?? []);
  if (budgets.length === 0) return;
  await tx.query(sql`
    insert into budget (tenant_id, id, scope, subject_id, unit, cap)
    select tenant_id, id, scope, subject_id, unit, cap
    from ${unnest(
      ["uuid", budgets.map(({ tenantId }) => tenantId)],
      ["uuid", budgets.map(({ id }) => id)],
      ["text", budgets.map(({ scope }) => scope)],
      ["uuid", budgets.map(({ taskId }) => taskId)],
      ["text", budgets.map(({ unit }) => unit)],
      ["bigint", budgets.map(({ cap }) => cap)],
    )} as b (tenant_id, id, scope, subject_id, unit, cap)`);
}

function ledgerRows(tasks: readonly NewTask[]): Sql {
  return unnest(
    ["uuid", tasks.map(({ tenantId }) => tenantId)],
    ["uuid", tasks.map(({ id }) => id)],
    ["text", tasks.map(({ state }) => state)],
    ["uuid", tasks.map(({ laneId }) => laneId)],
    ["bigint", tasks.map(({ rank }) => rank)],
    ["text", tasks.map(({ strategy }) => strategy)],
    ["int", tasks.map(({ maxAttempts }) => maxAttempts)],
    ["int", tasks.map(({ timeoutMs }) => timeoutMs)],
    ["timestamptz", tasks.map(({ deadline }) => deadline)],
    ["timestamptz", tasks.map(({ wakeAt }) => wakeAt)],
    ["uuid", tasks.map(({ parentId }) => parentId)],
    ["int", tasks.map(({ depth }) => depth)],
    ["boolean", tasks.map(({ outputSchema }) => outputSchema !== undefined)],
    ["json", tasks.map(({ error }) => error)],
    ["int", tasks.map((task) => firstEvents(task).length)],
    ["text", tasks.map(({ budgets = [] }) => `{${budgets.map(({ id }) => id).join(",")}}`)],
  );
}

function bodyRows(tasks: readonly NewTask[]): Sql {
  return unnest(
    ["uuid", tasks.map(({ tenantId }) => tenantId)],
    ["uuid", tasks.map(({ id }) => id)],
    ["text", tasks.map(({ type }) => type)],
    ["text", tasks.map(({ title }) => title)],
    ["text", tasks.map(({ ref }) => ref)],
    ["jsonb", tasks.map(({ requirements }) => JSON.stringify(requirements))],
    ["int", tasks.map(({ priority }) => priority)],
    ["timestamptz", tasks.map(({ notBefore }) => notBefore)],
    ["jsonb", tasks.map(({ labels }) => JSON.stringify(labels))],
    ["text", tasks.map(({ dependsOn }) => `{${dependsOn.join(",")}}`)],
    ["text", tasks.map(({ contexts = [] }) => `{${contexts.join(",")}}`)],
    ["json", tasks.map(({ input }) => input)],
    ["json", tasks.map(({ outputSchema }) => outputSchema)],
    ["text", tasks.map(({ traceparent }) => traceparent)],
    ["json", tasks.map(({ budget }) => budget && JSON.stringify(budget))],
    ["json", tasks.map(({ treeBudget }) => treeBudget && JSON.stringify(treeBudget))],
  );
}

function dependencyRows(tasks: readonly NewTask[]): Sql {
  const rows = tasks.flatMap(({ tenantId, id, dependsOn }) => dependsOn.map((on) => ({ tenantId, id, on })));
  return unnest(
    ["uuid", rows.map(({ tenantId }) => tenantId)],
    ["uuid", rows.map(({ id }) => id)],
    ["uuid", rows.map(({ on }) => on)],
  );
}

function eventRows(tasks: readonly NewTask[]): Sql {
  const rows = tasks.flatMap((task) => firstEvents(task).map((event, index) => ({ task, seq: index + 1, ...event })));
  return unnest(
    ["uuid", rows.map(({ task }) => task.tenantId)],
    ["uuid", rows.map(({ task }) => task.id)],
    ["int", rows.map(({ seq }) => seq)],
    ["text", rows.map(({ type }) => type)],
    ["json", rows.map(({ data }) => data)],
  );
}

/** `task.created`, then the event of the state it begins in; being blocked is none. */
function firstEvents(task: NewTask): readonly { readonly type: TaskEventType; readonly data: string }[] {
  const created = { type: "task.created", data: JSON.stringify({ type: task.type, state: task.state }) } as const;
  switch (task.state) {
    case "blocked":
      return [created];
    case "queued":
      return [created, { type: "task.queued", data: "{}" }];
    case "scheduled":
      return [created, { type: "task.scheduled", data: JSON.stringify({ until: task.notBefore?.toISOString() }) }];
    case "failed":
      return [created, { type: "task.failed", data: `{"error":${task.error ?? "null"}}` }];
  }
}
