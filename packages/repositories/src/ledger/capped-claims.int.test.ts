import { type AssignmentScope, type LaneId, type LimitId, type TenantId, toRequirements } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnPostgres,
  givenAgent,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import { capture, rowsRead } from "../../test/rows-read.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { findCandidates, lockHeads } from "./candidates.ts";
import { findDue } from "./find-due.ts";
import { ledgerStore } from "./ledger-store.ts";

describeOnPostgres(describeCappedClaims);

function describeCappedClaims(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  async function addBacklog(tenantId: TenantId, laneId: LaneId, count: number): Promise<void> {
    await database.query(sql`
      insert into task (tenant_id, id, state, lane_id, rank, queue_rank, strategy, max_attempts, timeout_ms, event_seq)
      select ${tenantId}, gen_random_uuid(), 'queued', ${laneId}, n, n, 'round_robin', 3, 60000, 1
      from generate_series(1, ${count}::int) as n`);
    await database.query(sql`analyze task`);
  }

  async function laneOfLimit(tenantId: TenantId, limitId: LimitId): Promise<LaneId> {
    const requirements = toRequirements("work", undefined);
    const store = ledgerStore(database, () => newUuid());
    const [laneId] = await store.transaction([tenantId], (tx) =>
      tx.ensureLanes([{ tenantId, requirements, limitIds: [limitId] }]),
    );
    if (laneId === undefined) throw new Error("no lane");
    return laneId;
  }

  test("a full limit keeps 100,000 tasks out of every look: as many rows are read as for 1,000", async () => {
    const tenantId = await givenTenant(database);
    const nodeId = await givenNode(database);
    const agents = await Promise.all(
      ["a", "b", "c"].map(async (name) => (await givenAgent(database, tenantId, { name, nodeId })).agent.id),
    );
    const limitId = newUuid<LimitId>();
    await database.query(sql`
      insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight, in_flight)
      values (${tenantId}, ${limitId}, 'type', 'work', 3, 3)`);
    const laneId = await laneOfLimit(tenantId, limitId);
    const free = await givenTask(database, tenantId);
    const scope: AssignmentScope = {
      lanes: [{ tenantId, laneId }],
      agents: agents.map((agentId) => ({ tenantId, agentId })),
      limits: [{ tenantId, limitId }],
    };
    const looks = {
      candidates: await capture((db) => findCandidates(db, scope, 2_000)),
      heads: await capture((db) => lockHeads(db, [{ tenantId, laneId: free.laneId }], { perLane: 15, limit: 15 })),
    };
    const readAll = async (): Promise<readonly number[]> => [
      await rowsRead(database, tenantId, looks.candidates),
      await rowsRead(database, tenantId, looks.heads),
    ];
    await addBacklog(tenantId, laneId, 1_000);
    const small = await readAll();
    await addBacklog(tenantId, laneId, 99_000);
    expect(await readAll()).toEqual(small);
    expect(small[0]).toBeLessThan(100);

    const found = await findCandidates(database, scope, 2_000);
    expect(new Set(found.map((one) => one.laneId))).toEqual(new Set([free.laneId]));
    const due = await database.transaction({ role: "devmesh_engine", plans: "by_index" }, (tx) => findDue(tx, 500));
    expect(due.lanes).toEqual([{ tenantId, laneId: free.laneId }]);
    await database.query(sql`update concurrency_limit set in_flight = 2 where id = ${limitId}`);
    expect(new Set((await findCandidates(database, scope, 2_000)).map((one) => one.laneId))).toEqual(
      new Set([free.laneId, laneId]),
    );
  });

  test("the sweep leaves alone what waits for agents whose own budget has no room", async () => {
    const tenantId = await givenTenant(database);
    const { agent } = await givenAgent(database, tenantId, { nodeId: await givenNode(database) });
    const { laneId } = await givenTask(database, tenantId);
    const isDue = async (): Promise<boolean> => {
      const scope = { role: "devmesh_engine", plans: "by_index" } as const;
      const { lanes } = await database.transaction(scope, (tx) => findDue(tx, 500));
      return lanes.some((one) => one.laneId === laneId);
    };
    expect(await isDue()).toBe(true);
    const budgetId = newUuid();
    await database.query(sql`
      insert into budget (tenant_id, id, scope, subject_id, unit, cap, reserved)
      values (${tenantId}, ${budgetId}, 'agent', ${agent.id}, 'tokens', 10, 10)`);
    expect(await isDue()).toBe(false);
    await database.query(sql`update budget set cap = 11 where id = ${budgetId}`);
    expect(await isDue()).toBe(true);
  });

  test("each tenant has its share of the candidates: 60 agents of one leave the other's only one its place", async () => {
    const [many, one] = [await givenTenant(database), await givenTenant(database)];
    const nodeId = await givenNode(database);
    for (let n = 0; n < 60; n += 1) await givenAgent(database, many, { nodeId });
    const { agent } = await givenAgent(database, one, { nodeId });
    const [first, single] = [await givenTask(database, many), await givenTask(database, one)];
    const scope = {
      lanes: [
        { tenantId: many, laneId: first.laneId },
        { tenantId: one, laneId: single.laneId },
      ],
      agents: [],
    };
    const found = await findCandidates(database, scope, 20);
    expect(found.filter(({ tenantId }) => tenantId === many)).toHaveLength(10);
    expect(found.filter(({ tenantId }) => tenantId === one)).toMatchObject([
      { agentId: agent.id, laneId: single.laneId },
    ]);
    // alone it has all of them, as often as it is asked for
    expect(await findCandidates(database, { ...scope, lanes: scope.lanes.slice(0, 1) }, 20)).toHaveLength(20);
  });

  test("tenants take turns in one look at heads: 200 better-ranked tasks of one leave the other's single one its place", async () => {
    const [many, one] = [await givenTenant(database), await givenTenant(database)];
    const first = await givenTask(database, many, { rank: 1 });
    await addBacklog(many, first.laneId, 200);
    const single = await givenTask(database, one, { rank: 1_000_000 });
    const heads = await database.transaction({ role: "devmesh_app", tenants: [many, one], plans: "by_index" }, (tx) =>
      lockHeads(
        tx,
        [
          { tenantId: many, laneId: first.laneId },
          { tenantId: one, laneId: single.laneId },
        ],
        { perLane: 50, limit: 50 },
      ),
    );
    expect(heads).toHaveLength(50);
    expect(heads.slice(0, 2).map(({ taskId }) => taskId)).toContain(single.id);
    const ranks = heads.filter(({ tenantId }) => tenantId === many).map(({ rank }) => rank);
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
  });
}
