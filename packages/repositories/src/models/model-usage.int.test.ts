import type { TenantId } from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeOnBoth, givenTenant, newUuid, type OpenDatabase } from "../../test/fixture.ts";
import { type BudgetAsked, budgetRepository } from "../caps/budget-repository.ts";
import { usageRepository } from "../caps/usage-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { usageLedger } from "./model-usage.ts";

describeOnBoth(describeUsage);

function describeUsage(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(async () => {
    tenantId = await givenTenant(database);
  });

  const givenBudget = async (budget: Partial<BudgetAsked["budget"]> = {}): Promise<BudgetAsked["id"]> => {
    const id = newUuid<BudgetAsked["id"]>();
    const asked = {
      scope: "tenant",
      agentId: undefined,
      unit: "tokens",
      period: "total",
      cap: 100,
      ...budget,
    } as const;
    await budgetRepository(database).create(tenantId, { id, budget: asked, max: 10 });
    return id;
  };
  const used = (inputTokens: number, costMicroUsd = 0, model = "m") => ({
    model,
    inputTokens,
    outputTokens: 1,
    costMicroUsd,
  });
  const spentOf = async (id: BudgetAsked["id"]) => (await budgetRepository(database).find(tenantId, id))?.spent;

  test("is added up by day, kind and model, however many record at once, and is told as the mesh's", async () => {
    const ledger = usageLedger(database);
    const once = () => ledger.record(tenantId, "embed", [used(10, 5), used(20, 7), used(1, 0, "other")]);
    await Promise.all([once(), once(), once(), ledger.record(tenantId, "write", [used(100, 50)])]);
    await ledger.record(tenantId, "embed", []);
    const asked = { from: undefined, to: undefined, limit: 10, after: undefined };
    const read = await usageRepository(database).read(tenantId, { ...asked, groupBy: ["agent", "type", "model"] });
    const mesh = { agent: { id: "00000000-0000-0000-0000-000000000000", name: "mesh" }, tasks: 0 };
    expect(read.map(({ row }) => row)).toEqual([
      { ...mesh, type: "mesh.embed", model: "m", attempts: 6, inputTokens: 90, outputTokens: 6, costMicroUsd: 36 },
      { ...mesh, type: "mesh.embed", model: "other", attempts: 3, inputTokens: 3, outputTokens: 3, costMicroUsd: 0 },
      { ...mesh, type: "mesh.write", model: "m", attempts: 1, inputTokens: 100, outputTokens: 1, costMicroUsd: 50 },
    ]);
  });

  test("counts in the tenant's budgets of both units, and in nobody else's", async () => {
    const tokens = await givenBudget();
    const cost = await givenBudget({ unit: "micro_usd", period: "day" });
    const other = await givenTenant(database);
    await usageLedger(database).record(other, "embed", [used(1_000)]);
    await Promise.all([1, 2, 3].map(() => usageLedger(database).record(tenantId, "embed", [used(9, 20)])));
    expect([await spentOf(tokens), await spentOf(cost)]).toEqual([30, 60]);
  });

  test("is refused before the call where a budget has no room, and free calls never", async () => {
    const ledger = usageLedger(database);
    await givenBudget({ cap: 100 });
    await ledger.assertRoom(tenantId, { tokens: 100, costMicroUsd: 1_000_000 });
    await ledger.record(tenantId, "embed", [used(59)]);
    await ledger.assertRoom(tenantId, { tokens: 40, costMicroUsd: 0 });
    await expect(ledger.assertRoom(tenantId, { tokens: 41, costMicroUsd: 0 })).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "budget",
      message: "41 tokens do not fit the tenant's budget of 100 in all, of which 60 are spent or reserved",
    });
    await ledger.assertRoom(tenantId, { tokens: 0, costMicroUsd: 0 });
    const other = await givenTenant(database);
    await ledger.assertRoom(other, { tokens: 1_000, costMicroUsd: 1_000 });
  });

  test("a window that is over counts as nothing spent, and the next begins with the next call", async () => {
    const ledger = usageLedger(database);
    const id = await givenBudget({ period: "day" });
    await ledger.record(tenantId, "embed", [used(99)]);
    await expect(ledger.assertRoom(tenantId, { tokens: 1, costMicroUsd: 0 })).rejects.toMatchObject({
      reason: "budget",
    });
    await database.query(sql`update budget set window_start = now() - interval '2 days' where id = ${id}`);
    await ledger.assertRoom(tenantId, { tokens: 100, costMicroUsd: 0 });
    await ledger.record(tenantId, "embed", [used(4)]);
    expect(await spentOf(id)).toBe(5);
  });
}
