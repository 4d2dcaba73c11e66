import type {
  AgentId,
  Budget,
  BudgetId,
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  TaskId,
  TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agent-repository.ts";
import type { Database, Queryable } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { spentNow } from "../ledger/cap-figures.ts";

/** A budget of a tenant, or of one of its agents, as it is asked for. */
export interface StandingBudget {
  readonly scope: Extract<BudgetScope, "tenant" | "agent">;
  readonly agentId: AgentId | undefined;
  readonly unit: BudgetUnit;
  readonly period: BudgetPeriod;
  readonly cap: number;
}

/** Which budgets are listed. All that are given must hold. */
export interface BudgetFilter {
  readonly scope?: BudgetScope | undefined;
  /** The agent or the task. */
  readonly subjectId?: AgentId | TaskId | undefined;
}

/** A tenant's budgets. Those of another tenant, and unknown ones, are absent from every answer. */
export interface BudgetRepository {
  /** `taken` where there is one of the same scope, agent, unit and period, `too_many` where there are `max` already. */
  create(tenantId: TenantId, id: BudgetId, budget: StandingBudget, max: number): Promise<Budget | "taken" | "too_many">;
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
  const run = <T>(tenantId: TenantId, work: (tx: Queryable) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  const select = (tenantId: TenantId, statement: Sql): Promise<readonly Budget[]> =>
    run(tenantId, async (tx) => (await tx.query<BudgetRow>(statement)).rows.map(toBudget));
  const selectOne = async (tenantId: TenantId, statement: Sql): Promise<Budget | undefined> =>
    (await select(tenantId, statement))[0];
  return {
    create: (tenantId, id, budget, max) => run(tenantId, (tx) => createBudget(tx, { tenantId, id, budget, max })),
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

/** Two statements: the tenant's row is locked, so that the number is still right when the budget is written. */
async function createBudget(
  tx: Queryable,
  { tenantId, id, budget, max }: { tenantId: TenantId; id: BudgetId; budget: StandingBudget; max: number },
): Promise<Budget | "taken" | "too_many"> {
  await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
  const { rows } = await tx.query<BudgetRow & { count: number }>(sql`
    with standing as (
      select count(*)::int as count from budget
      where tenant_id = ${tenantId} and scope in ('tenant', 'agent') and deleted_at is null
    ), made as (
      insert into budget as b (tenant_id, id, scope, subject_id, unit, period, cap)
      select ${tenantId}::uuid, ${id}::uuid, ${budget.scope}, ${budget.agentId}::uuid, ${budget.unit}, ${budget.period},
        ${budget.cap}::bigint
      from standing where count < ${max}::int
      on conflict (tenant_id, scope, subject_id, unit, period)
        where scope in ('tenant', 'agent') and deleted_at is null do nothing
      returning ${columns}
    )
    select standing.count, made.* from standing left join made on true`);
  const [row] = rows;
  if (row === undefined || row.id === null) return (row?.count ?? 0) >= max ? "too_many" : "taken";
  return toBudget(row);
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
