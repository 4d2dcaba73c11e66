import {
  type AgentId,
  type AssignmentId,
  type AttentionItem,
  isUuid,
  type TaskId,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { toQuestion } from "./task-columns.ts";

/** Which questions are listed. All that are given must hold. */
export interface AttentionFilter {
  readonly type?: string | undefined;
  /** The asking agent, by id or name. */
  readonly agent?: string | undefined;
  readonly label?: string | undefined;
}

/** What waits for a person. */
export interface AttentionReads {
  /** The oldest question first. */
  list(tenantId: TenantId, filter: AttentionFilter, page: PageAsked): Promise<readonly AttentionItem[]>;
}

export function attentionReads(database: Database): AttentionReads {
  return {
    list: async (tenantId, filter, page) => {
      const scope = { role: "devmesh_app", tenants: [tenantId], plans: "by_index" } as const;
      const { rows } = await database.queryAs<AttentionRow>(scope, listQuestions(tenantId, filter, page));
      return rows.map(toItem);
    },
  };
}

interface AttentionRow {
  readonly taskId: TaskId;
  readonly type: string;
  readonly title: string | null;
  readonly labels: readonly string[];
  readonly agentId: AgentId;
  readonly agentName: string;
  readonly assignmentId: AssignmentId;
  readonly question: string;
  readonly askedAt: Date;
}

/** Walks the index `assignment_asked`, which holds what waits and nothing else, and stops at `limit`. */
function listQuestions(tenantId: TenantId, { type, agent, label }: AttentionFilter, { limit, after }: PageAsked): Sql {
  return sql`
    select x.task_id as "taskId", b.type, b.title, b.labels, x.agent_id as "agentId", a.name as "agentName",
      x.id as "assignmentId", x.question::text as question, x.asked_at as "askedAt"
    from assignment x
    join task_body b on b.task_id = x.task_id
    join agent a on a.id = x.agent_id
    where x.tenant_id = ${tenantId} and x.asked_at is not null
      ${type === undefined ? sql`` : sql`and b.type = ${type}`}
      ${agent === undefined ? sql`` : isAgent(agent)}
      ${label === undefined ? sql`` : sql`and ${label} = any (b.labels)`}
      ${after === undefined ? sql`` : sql`and (x.asked_at, x.id) > (${after.at}::timestamptz, ${after.id}::uuid)`}
    order by x.asked_at, x.id
    limit ${limit}`;
}

function isAgent(agent: string): Sql {
  const folded = agent.toLowerCase();
  return isUuid(folded) ? sql`and (a.id = ${folded} or a.name = ${agent})` : sql`and a.name = ${agent}`;
}

function toItem({ title, agentId, agentName, question, askedAt, ...row }: AttentionRow): AttentionItem {
  const { id: questionId, ...asked } = toQuestion(question, askedAt);
  return { ...row, ...(title !== null && { title }), agent: { id: agentId, name: agentName }, questionId, ...asked };
}
