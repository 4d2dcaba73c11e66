import type { AgentId, AssignmentId, TaskId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { maxCount } from "./cap-figures.ts";

/** What one try has cost, as its agent told. */
export interface TryUsage {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  /** Empty where the agent names none. */
  readonly model: string;
  /** The task has ended with this try. */
  readonly endsTask: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
}

/** Adds tries to the usage of today, UTC: one row of each agent, type and model, in the order of the key. */
export async function addUsage(tx: Queryable, tries: readonly TryUsage[]): Promise<void> {
  const sum = (column: "input_tokens" | "output_tokens" | "cost_micro_usd") => columns[column];
  await tx.query(sql`
    insert into usage_daily as u (tenant_id, day, agent_id, type, model, tasks, attempts, input_tokens, output_tokens,
      cost_micro_usd)
    select e.tenant_id, (now() at time zone 'UTC')::date, e.agent_id, b.type, e.model,
      count(*) filter (where e.ends_task), count(*), ${sum("input_tokens")}, ${sum("output_tokens")},
      ${sum("cost_micro_usd")}
    from ${unnest(
      ["uuid", tries.map(({ tenantId }) => tenantId)],
      ["uuid", tries.map(({ taskId }) => taskId)],
      ["uuid", tries.map(({ agentId }) => agentId)],
      ["text", tries.map(({ model }) => model)],
      ["boolean", tries.map(({ endsTask }) => endsTask)],
      ["bigint", tries.map(({ inputTokens }) => inputTokens)],
      ["bigint", tries.map(({ outputTokens }) => outputTokens)],
      ["bigint", tries.map(({ costMicroUsd }) => costMicroUsd)],
    )} as e (tenant_id, task_id, agent_id, model, ends_task, input_tokens, output_tokens, cost_micro_usd)
    join task_body b on b.tenant_id = e.tenant_id and b.task_id = e.task_id
    group by e.tenant_id, e.agent_id, b.type, e.model
    order by e.tenant_id, e.agent_id, b.type, e.model
    on conflict (tenant_id, day, agent_id, type, model) do update
    set tasks = u.tasks + excluded.tasks, attempts = u.attempts + excluded.attempts,
      input_tokens = least(${maxCount}, u.input_tokens::numeric + excluded.input_tokens)::bigint,
      output_tokens = least(${maxCount}, u.output_tokens::numeric + excluded.output_tokens)::bigint,
      cost_micro_usd = least(${maxCount}, u.cost_micro_usd::numeric + excluded.cost_micro_usd)::bigint`);
}

const columns = {
  input_tokens: sql`least(${maxCount}, sum(e.input_tokens))::bigint`,
  output_tokens: sql`least(${maxCount}, sum(e.output_tokens))::bigint`,
  cost_micro_usd: sql`least(${maxCount}, sum(e.cost_micro_usd))::bigint`,
};
