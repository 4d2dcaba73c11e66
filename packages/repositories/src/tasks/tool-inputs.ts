import type { AgentId, TaskId, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { firstInLane } from "../ledger/candidates.ts";

/** What a tool asked for with one question. */
export interface AskedInputs {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  readonly questionId: string;
}

/** What has come of the answers to a tool that asked for several things at once. */
export interface ToolInputs {
  /** Keeps answers, as JSON text by name; the first to each name counts. Gives what is kept then: names and parsed JSON. */
  add(asked: AskedInputs, responses: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, unknown>>;
  find(asked: AskedInputs): Promise<ReadonlyMap<string, unknown>>;
  /** Once the question has its answer. */
  forget(asked: AskedInputs): Promise<void>;
}

/** The answers in Postgres; each call is a transaction of its own. */
export function toolInputs(database: Database): ToolInputs {
  async function find({ tenantId, taskId, questionId }: AskedInputs): Promise<ReadonlyMap<string, unknown>> {
    const { rows } = await database.queryAs<{ name: string; response: unknown }>(
      { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
      sql`
        select name, response from tool_input
        where tenant_id = ${tenantId} and task_id = ${taskId} and question_id = ${questionId}`,
    );
    return new Map(rows.map(({ name, response }) => [name, response]));
  }

  return {
    async add(asked, responses) {
      const { tenantId, taskId, questionId } = asked;
      await database.queryAs(
        { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
        sql`
          insert into tool_input (tenant_id, task_id, question_id, name, response)
          select ${tenantId}::uuid, ${taskId}::uuid, ${questionId}::uuid, given.name, given.response
          from ${unnest(["text", [...responses.keys()]], ["json", [...responses.values()]])} as given (name, response)
          on conflict do nothing`,
      );
      // after the commit: of two that give the last two answers at once, one at least sees both
      return find(asked);
    },
    find,
    async forget({ tenantId, questionId }) {
      await database.queryAs(
        { role: "devmesh_app", tenants: [tenantId], plans: "by_index" },
        sql`delete from tool_input where tenant_id = ${tenantId} and question_id = ${questionId}`,
      );
    },
  };
}

/**
 * The mesh's own agents (`reservedAgentName`, written out for the index) for which tasks wait, of all tenants, by id. Every
 * node looks: one statement and no transaction round it, so that an idle mesh is quiet.
 */
export async function findWaitingToolAgents(
  database: Database,
  limit: number,
): Promise<readonly { readonly tenantId: TenantId; readonly agentId: AgentId }[]> {
  const { rows } = await database.query<{ tenantId: TenantId; agentId: AgentId }>(sql`
    select a.tenant_id as "tenantId", a.id as "agentId"
    from agent a
    cross join lateral (
      select 1 as one
      from lane_agent l
      cross join lateral (${firstInLane(sql`l.lane_id`)}) waiting
      where l.agent_id = a.id and l.misfit is null
      limit 1
    ) first
    where a.name = 'devmesh.tools' and a.deregistered_at is null
    order by a.id
    limit ${limit}`);
  return rows;
}
