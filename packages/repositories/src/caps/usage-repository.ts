import type { AgentId, TenantId, UsageGroup, UsageRow } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { joinSql, type Sql, sql } from "../database/sql.ts";
import { maxCount } from "../ledger/cap-figures.ts";
import { nobody } from "../models/model-usage.ts";

/** Which days are summed, UTC and inclusive, and by what. Today and the 29 days before where neither is given. */
export interface UsageAsked {
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** In this order rows are sorted. */
  readonly groupBy: readonly UsageGroup[];
  readonly limit: number;
  /** The key of the last row of the page before: a text for each of `groupBy`. */
  readonly after: readonly string[] | undefined;
}

/** A row with its key. */
export interface KeyedUsage {
  readonly key: readonly string[];
  readonly row: UsageRow;
}

/** What agents said that their work cost, and what the mesh paid for models itself: that is told as agent `mesh`. */
export interface UsageRepository {
  read(tenantId: TenantId, asked: UsageAsked): Promise<readonly KeyedUsage[]>;
}

interface Row {
  readonly day?: string;
  readonly agent?: AgentId;
  readonly agentName?: string | null;
  readonly type?: string;
  readonly model?: string;
  readonly tasks: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
}

const keys: Readonly<Record<UsageGroup, Sql>> = {
  day: sql`u.day::text`,
  agent: sql`u.agent_id::text`,
  type: sql`u.type collate "C"`,
  model: sql`u.model collate "C"`,
};
const names: Readonly<Record<UsageGroup, Sql>> = {
  day: sql`u.day::text as day`,
  agent: sql`u.agent_id as agent, case
    when u.agent_id = ${nobody}::uuid then 'mesh' else (select a.name from agent a where a.id = u.agent_id)
  end as "agentName"`,
  type: sql`u.type collate "C" as type`,
  model: sql`u.model collate "C" as model`,
};
const groups: Readonly<Record<UsageGroup, Sql>> = {
  day: sql`u.day`,
  agent: sql`u.agent_id`,
  type: sql`u.type collate "C"`,
  model: sql`u.model collate "C"`,
};

/** The usage in Postgres. Reads the days of one tenant by the key of `usage_daily`. */
export function usageRepository(database: Database): UsageRepository {
  return {
    async read(tenantId, asked) {
      const { rows } = await database.queryAs<Row>(
        { role: "devmesh_app", tenants: [tenantId] },
        sumUsage(tenantId, asked),
      );
      return rows.map((row) => ({ key: asked.groupBy.map((group) => String(row[group])), row: toUsage(row) }));
    },
  };
}

function sumUsage(tenantId: TenantId, { from, to, groupBy, limit, after }: UsageAsked): Sql {
  const today = sql`(now() at time zone 'UTC')::date`;
  const last = sql`coalesce(${to}::date, ${from}::date + 29, ${today})`;
  const list = (parts: readonly Sql[]): Sql => joinSql(parts, sql`, `);
  const of = (by: Readonly<Record<UsageGroup, Sql>>): Sql => list(groupBy.map((group) => by[group]));
  const sum = (column: Sql): Sql => sql`least(${maxCount}, coalesce(sum(${column}), 0))::bigint`;
  const named = groupBy.length === 0 ? sql`` : sql`${of(names)}, `;
  return sql`
    select ${named}${sum(sql`u.tasks`)} as tasks, ${sum(sql`u.attempts`)} as attempts,
      ${sum(sql`u.input_tokens`)} as "inputTokens", ${sum(sql`u.output_tokens`)} as "outputTokens",
      ${sum(sql`u.cost_micro_usd`)} as "costMicroUsd"
    from usage_daily u
    where u.tenant_id = ${tenantId} and u.day between coalesce(${from}::date, ${last} - 29) and ${last}
      ${after === undefined ? sql`` : sql`and (${of(keys)}) > (${list(after.map((key) => sql`${key}::text`))})`}
    ${groupBy.length === 0 ? sql`` : sql`group by ${of(groups)} order by ${of(keys)}`}
    limit ${limit}`;
}

function toUsage({ agent, agentName, day, type, model, ...figures }: Row): UsageRow {
  return {
    ...(day !== undefined && { day }),
    ...(agent !== undefined && { agent: { id: agent, name: agentName ?? "" } }),
    ...(type !== undefined && { type }),
    ...(model !== undefined && { model }),
    ...figures,
  };
}
