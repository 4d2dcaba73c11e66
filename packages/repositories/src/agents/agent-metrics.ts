import type { AgentId, AssignmentState, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** The assignments that ended within a time, counted by how. */
export interface EndedCounts {
  readonly byState: Readonly<Partial<Record<AssignmentState, number>>>;
  /** From the offer to the end, of the completed ones; absent where there is none. */
  readonly meanCompletedMs?: number;
}

/** What agents have done, counted from their assignments. */
export interface AgentMetricsRepository {
  /** How an agent's assignments ended in the last hour and day. `isPartial`: only the latest 50,000 are counted. */
  read(
    tenantId: TenantId,
    agentId: AgentId,
  ): Promise<{ readonly lastHour: EndedCounts; readonly lastDay: EndedCounts; readonly isPartial: boolean }>;
}

interface EndedRow {
  readonly state: AssignmentState;
  readonly isOfLastHour: boolean;
  readonly count: number;
  readonly totalMs: number;
}

/** What one request may make the database count: some 50 ms of reading. */
const maxCounted = 50_000;

/** Counts in Postgres, within the tenant's rows. */
export function agentMetricsRepository(database: Database): AgentMetricsRepository {
  return {
    async read(tenantId, agentId) {
      // by the index assignment_ended
      const { rows } = await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, (tx) =>
        tx.query<EndedRow>(sql`
          with ended as (
            select state, ended_at, extract(epoch from ended_at - created_at) * 1000 as ms
            from assignment
            where tenant_id = ${tenantId} and agent_id = ${agentId} and ended_at is not null
              and ended_at > now() - interval '24 hours'
            order by ended_at desc
            limit ${maxCounted + 1}
          )
          select state, ended_at > now() - interval '1 hour' as "isOfLastHour", count(*)::int as count,
            sum(ms)::double precision as "totalMs"
          from ended
          group by 1, 2`),
      );
      const counted = rows.reduce((sum, { count }) => sum + count, 0);
      return {
        lastHour: addUp(rows.filter(({ isOfLastHour }) => isOfLastHour)),
        lastDay: addUp(rows),
        isPartial: counted > maxCounted,
      };
    },
  };
}

function addUp(rows: readonly EndedRow[]): EndedCounts {
  const byState: Partial<Record<AssignmentState, number>> = {};
  for (const { state, count } of rows) byState[state] = (byState[state] ?? 0) + count;
  const completedMs = rows.reduce((sum, { state, totalMs }) => sum + (state === "completed" ? totalMs : 0), 0);
  const completed = byState.completed ?? 0;
  return completed === 0 ? { byState } : { byState, meanCompletedMs: Math.round(completedMs / completed) };
}
