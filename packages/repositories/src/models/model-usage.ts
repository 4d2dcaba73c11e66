import { AppError, type BudgetUnit, type ModelUsage, type TenantId } from "@devmesh/models";
import type { Database, Queryable } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";
import { maxCount, spentNow } from "../ledger/cap-figures.ts";

/** What is going to be spent, at most. */
export interface UsageEstimate {
  readonly tokens: number;
  readonly costMicroUsd: number;
}

/** What tenants spend on models, beside what their agents do. */
export interface UsageLedgerRepository {
  /**
   * Before a call.
   *
   * @throws AppError `resource_exhausted`, reason `budget`, where a budget of the tenant has no room for it.
   */
  assertRoom(tenantId: TenantId, estimate: UsageEstimate): Promise<void>;
  /** After it: adds to the day's usage and to the tenant's budgets. */
  record(tenantId: TenantId, kind: "embed" | "write", usages: readonly ModelUsage[]): Promise<void>;
}

/** In `usage_daily`: what no agent spent, but the mesh itself. */
export const nobody = "00000000-0000-0000-0000-000000000000";
const types = { embed: "mesh.embed", write: "mesh.write" } as const;

/**
 * Usage of models in `usage_daily`, under types of their own, and in the tenant's budgets. Calls that are under way at once
 * may each find room and go past a cap together, by what they cost; the next is refused.
 */
export function usageLedger(database: Database): UsageLedgerRepository {
  return {
    assertRoom: async (tenantId, estimate) => {
      if (estimate.tokens === 0 && estimate.costMicroUsd === 0) return;
      const { rows } = await database.queryAs<FullBudget>(
        { role: "devmesh_app", tenants: [tenantId] },
        sql`
          select b.unit, b.cap, b.period, ${spentNow} + b.reserved as spent, w.amount
          from (values ('tokens', ${estimate.tokens}::bigint), ('micro_usd', ${estimate.costMicroUsd}::bigint)) as w (unit, amount)
          join budget b on b.tenant_id = ${tenantId} and b.scope = 'tenant' and b.unit = w.unit and b.deleted_at is null
          where w.amount > 0 and ${spentNow} + b.reserved + w.amount > b.cap
          order by b.id
          limit 1`,
      );
      if (rows[0] !== undefined) throw noRoom(rows[0]);
    },
    record: async (tenantId, kind, usages) => {
      if (usages.length === 0) return;
      await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
        await spend(tx, tenantId, usages);
        await addToday(tx, { tenantId, type: types[kind] }, usages);
      });
    },
  };
}

interface FullBudget {
  readonly unit: BudgetUnit;
  readonly cap: number;
  readonly period: string;
  readonly spent: number;
  readonly amount: number;
}

function noRoom({ unit, cap, period, spent, amount }: FullBudget): AppError {
  const window = period === "total" ? "in all" : `a ${period}`;
  const message = `${amount} ${unit} do not fit the tenant's budget of ${cap} ${window}, of which ${spent} are spent or reserved`;
  return new AppError("resource_exhausted", message, { reason: "budget" });
}

/** Budgets before usage, in the order of ids: the order in which all lock them. */
async function spend(tx: Queryable, tenantId: TenantId, usages: readonly ModelUsage[]): Promise<void> {
  const tokens = sumOf(usages.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens));
  const cost = sumOf(usages.map(({ costMicroUsd }) => costMicroUsd));
  await tx.query(sql`
    with charged as materialized (
      select b.id, case b.unit when 'tokens' then ${tokens}::bigint else ${cost}::bigint end as amount
      from budget b
      where b.tenant_id = ${tenantId} and b.scope = 'tenant' and b.deleted_at is null
      order by b.id
      for update
    )
    update budget b set spent = least(${maxCount}, ${spentNow} + charged.amount)::bigint,
      window_start = greatest(b.window_start, budget_window(b.period))
    from charged
    where b.id = charged.id`);
}

async function addToday(
  tx: Queryable,
  { tenantId, type }: { readonly tenantId: TenantId; readonly type: string },
  usages: readonly ModelUsage[],
): Promise<void> {
  await tx.query(sql`
    insert into usage_daily as u (tenant_id, day, agent_id, type, model, tasks, attempts, input_tokens, output_tokens,
      cost_micro_usd)
    select ${tenantId}, (now() at time zone 'UTC')::date, ${nobody}::uuid, ${type}, e.model, 0, count(*),
      sum(e.input_tokens)::bigint, sum(e.output_tokens)::bigint, sum(e.cost)::bigint
    from ${unnest(
      ["text", usages.map(({ model }) => model)],
      ["bigint", usages.map(({ inputTokens }) => Math.round(inputTokens))],
      ["bigint", usages.map(({ outputTokens }) => Math.round(outputTokens))],
      ["bigint", usages.map(({ costMicroUsd }) => Math.round(costMicroUsd))],
    )} as e (model, input_tokens, output_tokens, cost)
    group by e.model
    order by e.model
    on conflict (tenant_id, day, agent_id, type, model) do update
    set attempts = u.attempts + excluded.attempts,
      input_tokens = least(${maxCount}, u.input_tokens::numeric + excluded.input_tokens)::bigint,
      output_tokens = least(${maxCount}, u.output_tokens::numeric + excluded.output_tokens)::bigint,
      cost_micro_usd = least(${maxCount}, u.cost_micro_usd::numeric + excluded.cost_micro_usd)::bigint`);
}

function sumOf(values: readonly number[]): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.round(values.reduce((sum, one) => sum + one, 0)));
}
