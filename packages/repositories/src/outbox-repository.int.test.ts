import { randomBytes } from "node:crypto";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { toRequirements } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBoth, givenAgent, givenTask, givenTenant, newUuid, type OpenDatabase } from "../test/fixture.ts";
import type { Database } from "./database/database.ts";
import { sql } from "./database/sql.ts";
import { keyRepository } from "./key-repository.ts";
import { ledgerStore } from "./ledger/ledger-store.ts";
import { notifyFanOut } from "./notify-fan-out.ts";
import { outboxRepository } from "./outbox-repository.ts";

describeOnBoth(describeEngine);

function describeEngine(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  const positionsOf = (tenantId: TenantId): Promise<readonly { position: number | null; recorded: number }[]> =>
    database.transaction({ role: "devmesh_engine" }, async (tx) => {
      const { rows } = await tx.query<{ position: number | null; recorded: number }>(sql`
        select position, recorded from task_event where tenant_id = ${tenantId} order by position`);
      return rows;
    });

  test("events are numbered per tenant without gaps while others write, even by two relays", async () => {
    const outbox = outboxRepository(database);
    const tenants = [await givenTenant(database), await givenTenant(database)];
    const writers = tenants.flatMap((tenantId) =>
      Array.from({ length: 4 }, async () => {
        for (let number = 0; number < 10; number++) await givenTask(database, tenantId);
      }),
    );
    let isWriting = true;
    const relay = async (): Promise<void> => {
      while (isWriting) await outbox.numberEvents(7);
    };
    const relays = [relay(), relay()];
    await Promise.all(writers);
    isWriting = false;
    await Promise.all(relays);
    while ((await outbox.numberEvents(50)).numbered > 0);
    for (const tenantId of tenants) {
      const positions = await positionsOf(tenantId);
      expect(positions.map(({ position }) => position)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    }
  });

  test("in one round the order is that in which they were recorded", async () => {
    const tenantId = await givenTenant(database);
    for (let number = 0; number < 5; number++) await givenTask(database, tenantId);
    expect((await outboxRepository(database).numberEvents(1_000)).numbered).toBe(10);
    const recorded = (await positionsOf(tenantId)).map((event) => event.recorded);
    expect(recorded).toEqual(recorded.toSorted((a, b) => a - b));
  });

  test("tenants take turns: many events of one leave the others their share of a round", async () => {
    const [many, few, fewer] = [await givenTenant(database), await givenTenant(database), await givenTenant(database)];
    for (let number = 0; number < 40; number++) await givenTask(database, many);
    await givenTask(database, few);
    await givenTask(database, fewer);
    const numberedOf = async (tenantId: TenantId): Promise<number> =>
      (await positionsOf(tenantId)).filter(({ position }) => position !== null).length;
    const outbox = outboxRepository(database);
    expect(await outbox.numberEvents(30)).toMatchObject({ numbered: 14, more: true });
    expect([await numberedOf(many), await numberedOf(few), await numberedOf(fewer)]).toEqual([10, 2, 2]);
    expect(await outbox.numberEvents(30)).toMatchObject({ numbered: 30, more: true });
    expect(await outbox.numberEvents(100)).toMatchObject({ numbered: 40, more: false });
  });

  test("queued tasks among the first ten of their lane are told of", async () => {
    const tenantId = await givenTenant(database);
    const tasks = [];
    for (let number = 0; number < 13; number++) tasks.push(await givenTask(database, tenantId, { rank: number }));
    const requirements = toRequirements("elsewhere", undefined);
    tasks.push(await givenTask(database, tenantId, { requirements }));
    await givenTask(database, tenantId, { requirements, state: "blocked" });
    const { toDispatch } = await outboxRepository(database).numberEvents(1_000);
    const expected = [...tasks.slice(0, 10), tasks[13]].map((task) => task?.id);
    expect(new Set(toDispatch.map(({ taskId }) => taskId))).toEqual(new Set(expected));
    expect(await outboxRepository(database).numberEvents(1_000)).toEqual({
      numbered: 0,
      more: false,
      tenantIds: [],
      toDispatch: [],
    });
  });

  test("prunes old keys, unused lanes and expired mail, and nothing else", async () => {
    const tenantId = await givenTenant(database);
    const { agent } = await givenAgent(database, tenantId, {});
    const ledger = ledgerStore(database, () => newUuid());
    const used = await givenTask(database, tenantId);
    const [unused] = await ledger.transaction([tenantId], (tx) =>
      tx.ensureLanes([{ tenantId, requirements: toRequirements("unused", undefined) }]),
    );
    const [recent] = await ledger.transaction([tenantId], (tx) =>
      tx.ensureLanes([{ tenantId, requirements: toRequirements("recent", undefined) }]),
    );
    await database.transaction({ role: "devmesh_engine" }, async (tx) => {
      await tx.query(sql`
        update lane set last_used_at = now() - interval '25 hours' where id in (${unused}, ${used.laneId})`);
      for (const hours of [23, 25]) {
        await tx.query(sql`
          insert into idempotency_key (tenant_id, principal_id, operation, key, body_hash, response, created_at)
          values (${tenantId}, ${tenantId}, 'x', ${`${hours}`}, '', '{}', now() - ${hours} * interval '1 hour')`);
        await tx.query(sql`
          insert into mailbox (tenant_id, agent_id, seq, type, payload, expires_at)
          values (${tenantId}, ${agent.id}, ${hours}, 1, '{}', now() + (24 - ${hours}) * interval '1 hour')`);
      }
    });
    expect(await outboxRepository(database).prune()).toBe(3);
    expect(await outboxRepository(database).prune()).toBe(0);
    const { rows } = await database.transaction({ role: "devmesh_engine" }, (tx) =>
      tx.query<{ id: string }>(sql`
        select id::text from lane where tenant_id = ${tenantId}
        union all select key from idempotency_key where tenant_id = ${tenantId}
        union all select seq::text from mailbox where tenant_id = ${tenantId}`),
    );
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([used.laneId, recent, "23"]));
  });

  test("a key is found by its hash, whoever's it is", async () => {
    const keys = keyRepository(database);
    const tenantId = await givenTenant(database);
    const [hash, otherHash] = [randomBytes(32), randomBytes(32)];
    const id = newUuid<ApiKeyId>();
    const key = { tenantId, id, kind: "agt", name: "k", display: "dm_agt_…", scopes: ["tasks:read", "a"] } as const;
    const expiresAt = new Date("2030-01-01T00:00:00.000Z");
    await keys.create({ ...key, hash });
    await keys.create({ ...key, id: newUuid(), hash: otherHash, agentName: "one", expiresAt });
    expect(await keys.findByHash(hash)).toEqual({ tenantId, id, kind: "agt", scopes: ["tasks:read", "a"] });
    expect(await keys.findByHash(otherHash)).toMatchObject({ agentName: "one", expiresAt });
    expect(await keys.findByHash(randomBytes(32))).toBeUndefined();
    await expect(keys.create({ ...key, id: newUuid(), hash })).rejects.toMatchObject({ code: "conflict" });
    expect(await keys.findTenantByName(tenantId)).toEqual({ id: tenantId, name: tenantId });
    expect(await keys.findTenantByName("nobody")).toBeUndefined();
    await expect(keys.createTenant({ id: newUuid(), name: tenantId })).rejects.toMatchObject({ code: "conflict" });
  });

  test("NOTIFY carries hints on channels of any name, until the subscription ends", async () => {
    await using fanOut = notifyFanOut(database);
    const heard: string[] = [];
    const channel = "devmesh:node:018f0000-0000-7000-8000-00000000000a";
    const end = await fanOut.subscribe(channel, (message) => heard.push(message));
    expect(await fanOut.publish(channel, '{"é":1}')).toBe(true);
    await fanOut.publish("devmesh:tasks", "other");
    await waitFor(() => heard.length === 1);
    await end();
    await fanOut.publish(channel, "late");
    const fence: string[] = [];
    await fanOut.subscribe("devmesh:fence", (message) => fence.push(message));
    await fanOut.publish("devmesh:fence", "after it");
    await waitFor(() => fence.length === 1);
    expect(heard).toEqual(['{"é":1}']);
  });
}
