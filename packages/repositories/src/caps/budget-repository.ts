import {
  type AgentId,
  AppError,
  type Budget,
  type BudgetId,
  type BudgetPeriod,
  type BudgetScope,
  type BudgetUnit,
  type TaskId,
  type TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { spentNow } from "../ledger/cap-figures.ts";
import { claimFirst, type Made, type RequestKey } from "../ledger/claim-first.ts";

/** What a budget of a tenant, or of one of its agents, caps. */
export interface StandingBudget {
  readonly scope: Extract<BudgetScope, "tenant" | "agent">;
  readonly agentId: AgentId | undefined;
  readonly unit: BudgetUnit;
  readonly period: BudgetPeriod;
  readonly cap: number;
}

/** A budget as it is asked for. */
export interface BudgetAsked {
  readonly id: BudgetId;
  readonly budget: StandingBudget;
  /** How many of tenant and agents the tenant may have. */
  readonly max: number;
  readonly key?: RequestKey | undefined;
}

/** Which budgets are listed. All that are given must hold. */
export interface BudgetFilter {
  readonly scope?: BudgetScope | undefined;
  /** The agent or the task. */
  readonly subjectId?: AgentId | TaskId | undefined;
}

/** A tenant's budgets. Those of another tenant, and unknown ones, are absent from every answer. */
export interface BudgetRepository {
  /**
   * Makes a budget, or answers the one that the same key made.
   *
   * @throws AppError `conflict` where there is one of the same scope, agent, unit and period, and, reason
   * `idempotency_key_reused`, for a key that came with another body; `failed_precondition` where there are `max` already.
   */
  create(tenantId: TenantId, asked: BudgetAsked): Promise<Made<Budget>>;
  update(tenantId: TenantId, id: BudgetId, cap: number): Promise<Budget | undefined>;
  /** What it has parked comes back bit by bit: to be asked of the engine, or of the sweep. */
  delete(tenantId: TenantId, id: BudgetId): Promise<Budget | undefined>;
  find(tenantId: TenantId, id: BudgetId): Promise<Budget | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, filter: BudgetFilter, page: PageAsked): Promise<readonly Budget[]>;
}

interface BudgetRow {
  readonly id: BudgetId;
  readonly scope: BudgetScope;
  readonly subjectId: string | null;
  readonly unit: BudgetUnit;
  readonly period: BudgetPeriod;
  readonly cap: number;
  readonly spent: number;
  readonly reserved: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns: Sql = sql`b.id, b.scope, b.subject_id as "subjectId", b.unit, b.period, b.cap, ${spentNow} as spent,
  b.reserved, b.created_at as "createdAt", b.updated_at as "updatedAt"`;

/** The budgets in Postgres; each call is a transaction of its own. */
export function budgetRepository(database: Database): BudgetRepository {
  const run = <T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  const select = (tenantId: TenantId, statement: Sql): Promise<readonly Budget[]> =>
    run(tenantId, async (tx) => (await tx.query<BudgetRow>(statement)).rows.map(toBudget));
  const selectOne = async (tenantId: TenantId, statement: Sql): Promise<Budget | undefined> =>
    (await select(tenantId, statement))[0];
  return {
    create: (tenantId, asked) => run(tenantId, (tx) => createBudget(tx, tenantId, asked)),
    update: (tenantId, id, cap) =>
      selectOne(
        tenantId,
        sql`
      update budget b set cap = ${cap}, unpark = b.waiting, updated_at = now()
      where b.tenant_id = ${tenantId} and b.id = ${id} and b.deleted_at is null
      returning ${columns}`,
      ),
    delete: (tenantId, id) =>
      selectOne(
        tenantId,
        sql`
      update budget b set deleted_at = now(), unpark = b.waiting, updated_at = now()
      where b.tenant_id = ${tenantId} and b.id = ${id} and b.deleted_at is null
      returning ${columns}`,
      ),
    find: (tenantId, id) =>
      selectOne(
        tenantId,
        sql`
      select ${columns} from budget b where b.tenant_id = ${tenantId} and b.id = ${id} and b.deleted_at is null`,
      ),
    list: (tenantId, filter, page) => select(tenantId, listBudgets(tenantId, filter, page)),
  };
}

/** Walks `budget_listed`: ids are in the order of time. */
function listBudgets(tenantId: TenantId, { scope, subjectId }: BudgetFilter, { limit, after }: PageAsked): Sql {
  return sql`
      select ${columns}
      from budget b
      where b.tenant_id = ${tenantId} and b.deleted_at is null
        ${scope === undefined ? sql`` : sql`and b.scope = ${scope}`}
        ${subjectId === undefined ? sql`` : sql`and b.subject_id = ${subjectId}`}
        ${after === undefined ? sql`` : sql`and b.id < ${after.id}::uuid`}
      order by b.id desc
      limit ${limit}`;
}

/** The tenant's row is locked, so that the number is still right when the budget is written. */
async function createBudget(
  tx: Transaction,
  tenantId: TenantId,
  { id, budget: asked, max, key }: BudgetAsked,
): Promise<Made<Budget>> {
  const { scope, agentId = null, unit, period, cap } = asked;
  const figures = { cap, spent: 0, reserved: 0 };
  const budget = toBudget({
    id,
    scope,
    subjectId: agentId,
    unit,
    period,
    ...figures,
    createdAt: tx.now,
    updatedAt: tx.now,
  });
  const first = key && (await claimFirst(tx, { tenantId, operation: "budgets.create", ...key }, budget));
  if (first !== undefined) return { made: first, isReplay: true };
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { rows } = await tx.query<{ count: number; made: BudgetId | null }>(sql`
    with standing as (
      select count(*)::int as count from budget
      where tenant_id = ${tenantId} and scope in ('tenant', 'agent') and deleted_at is null
    ), made as (
      insert into budget (tenant_id, id, scope, subject_id, unit, period, cap)
      select ${tenantId}::uuid, ${id}::uuid, ${scope}, ${agentId}::uuid, ${unit}, ${period}, ${cap}::bigint
      from standing where count < ${max}::int
      on conflict (tenant_id, scope, subject_id, unit, period)
        where scope in ('tenant', 'agent') and deleted_at is null do nothing
      returning id
    )
    select standing.count, made.id as made from standing left join made on true`);
  const [row] = rows;
  if (row?.made === id) return { made: budget, isReplay: false };
  if ((row?.count ?? 0) >= max) {
    throw new AppError("failed_precondition", `the tenant has ${max} budgets already, the most it may`);
  }
  throw new AppError("conflict", `there is a budget of the ${scope} in ${unit} by ${period} already`);
}

function toBudget({ subjectId, createdAt, updatedAt, ...row }: BudgetRow): Budget {
  const { id, scope, unit, period, cap, spent, reserved } = row;
  return {
    id,
    scope,
    ...(scope === "agent" && { agentId: subjectId as AgentId }),
    ...((scope === "task" || scope === "tree") && { taskId: subjectId as TaskId }),
    unit,
    period,
    cap,
    spent,
    reserved,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
