import type { BudgetId, BudgetRef, TaskId } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnPostgres, givenTask, givenTenant, newUuid, type OpenDatabase } from "../../test/fixture.ts";
import { budgetRepository } from "../caps/budget-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { findDue } from "./find-due.ts";
import { unparkTasks } from "./unpark.ts";

describeOnPostgres(describeUnpark);

function describeUnpark(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  /** A budget with room that has parked so many tasks. */
  async function givenParked(count: number): Promise<BudgetRef & { readonly ids: readonly TaskId[] }> {
    const tenantId = await givenTenant(database);
    const budgetId = newUuid<BudgetId>();
    await database.query(sql`
      insert into budget (tenant_id, id, scope, unit, cap, waiting, unpark)
      values (${tenantId}, ${budgetId}, 'tenant', 'micro_usd', 100, true, true)`);
    const ids: TaskId[] = [];
    while (ids.length < count) ids.push((await givenTask(database, tenantId)).id);
    await database.query(sql`
      update task set queue_rank = null, parked_by = ${budgetId} where id = any (${ids}::uuid[])`);
    return { tenantId, budgetId, ids };
  }

  async function unpark({ tenantId, budgetId }: BudgetRef, perBudget = 50): Promise<number> {
    const scope = { role: "devmesh_app", tenants: [tenantId], plans: "by_index" } as const;
    await database.transaction(scope, (tx) => unparkTasks(tx, [{ tenantId, budgetId }], perBudget));
    const { rows } = await database.query<{ left: number }>(sql`
      select count(*)::int as left from task where parked_by = ${budgetId}`);
    return rows[0]?.left ?? 0;
  }

  async function isDue({ budgetId }: BudgetRef): Promise<boolean> {
    const scope = { role: "devmesh_engine", plans: "by_index" } as const;
    const { budgets } = await database.transaction(scope, (tx) => findDue(tx, 500));
    return budgets.some((one) => one.budgetId === budgetId);
  }

  test("a parked task that somebody holds is left to the sweep, not forgotten", async () => {
    const { ids, ...parked } = await givenParked(1);
    const held = Promise.withResolvers<void>();
    const letGo = Promise.withResolvers<void>();
    const holding = database.transaction({ role: "devmesh_app", tenants: [parked.tenantId] }, async (holder) => {
      await holder.query(sql`select from task where id = any (${ids}::uuid[]) for update`);
      held.resolve();
      await letGo.promise;
    });
    await held.promise;
    expect(await unpark(parked)).toBe(1);
    letGo.resolve();
    await holding;
    expect(await isDue(parked)).toBe(true);
    expect(await unpark(parked)).toBe(0);
    expect(await isDue(parked)).toBe(false);
  });

  test("what a deleted budget parked comes back bit by bit, though no assignment of it ends any more", async () => {
    const parked = await givenParked(5);
    await budgetRepository(database).delete(parked.tenantId, parked.budgetId);
    for (const left of [3, 1, 0]) {
      expect(await isDue(parked)).toBe(true);
      expect(await unpark(parked, 2)).toBe(left);
    }
    expect(await isDue(parked)).toBe(false);
  });

  test("a budget that may fit no more of what it parked is left to the end of its next assignment", async () => {
    const parked = await givenParked(3);
    expect(await unpark(parked, 2)).toBe(1);
    expect(await isDue(parked)).toBe(false);
    await database.query(sql`update budget set unpark = true, reserved = 100 where id = ${parked.budgetId}`);
    expect(await unpark(parked, 2)).toBe(1);
    expect(await isDue(parked)).toBe(false);
  });
}
