import { randomBytes } from "node:crypto";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { toRequirements } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  givenAgent,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
  relayAll,
} from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { keyRepository } from "../key-repository.ts";
import { ledgerStore } from "../ledger/ledger-store.ts";
import { notifyFanOut } from "../notify-fan-out.ts";
import { eventRepository } from "./event-repository.ts";
import { outboxRepository } from "./outbox-repository.ts";

describeOnBoth(describeEngine);

/** Before every event. */
const start = { xid: 0, recorded: 0 };

function describeEngine(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  const eventsOf = async (tenantId: TenantId): Promise<number> =>
    (
      await database.query<{ count: number }>(
        sql`select count(*)::int as count from task_event where tenant_id = ${tenantId}`,
      )
    ).rows[0]?.count ?? 0;

  test("each event is read once while others write, even by two relays", async () => {
    await relayAll(database);
    const outbox = outboxRepository(database);
    const tenants = [await givenTenant(database), await givenTenant(database)];
    const writers = tenants.flatMap((tenantId) =>
      Array.from({ length: 4 }, async () => {
        for (let number = 0; number < 10; number++) await givenTask(database, tenantId);
      }),
    );
    let isWriting = true;
    let events = 0;
    const relay = async (): Promise<void> => {
      for (let isDone = false; !isDone; ) {
        const isLast = !isWriting;
        const round = await outbox.relay(7);
        events += round.events;
        isDone = isLast && !round.more && !round.isWaiting;
      }
    };
    const relays = [relay(), relay()];
    await Promise.all(writers);
    isWriting = false;
    await Promise.all(relays);
    expect(await eventsOf(tenants[0] as TenantId)).toBe(80);
    expect(events).toBe(160);
    expect(await outbox.hasEvents()).toBe(false);
  });

  test("a round reads no more than it was asked for, and says that there is more", async () => {
    const tenantId = await givenTenant(database);
    await relayAll(database);
    for (let number = 0; number < 5; number++) await givenTask(database, tenantId);
    const outbox = outboxRepository(database);
    expect(await outbox.hasEvents()).toBe(true);
    await waitFor(async () => (await eventRepository(database).read(tenantId, start, 10)).length === 10);
    expect(await outbox.relay(6)).toMatchObject({ events: 6, more: true, tenantIds: [tenantId] });
    expect(await outbox.relay(6)).toMatchObject({ events: 4, more: false, tenantIds: [tenantId] });
    expect(await outbox.relay(6)).toMatchObject({ events: 0, more: false, tenantIds: [] });
  });

  test("queued tasks among the first ten of their lane are told of", async () => {
    await relayAll(database);
    const tenantId = await givenTenant(database);
    const tasks = [];
    for (let number = 0; number < 13; number++) tasks.push(await givenTask(database, tenantId, { rank: number }));
    const requirements = toRequirements("elsewhere", undefined);
    tasks.push(await givenTask(database, tenantId, { requirements }));
    await givenTask(database, tenantId, { requirements, state: "blocked" });
    await waitFor(async () => (await eventRepository(database).read(tenantId, start, 100)).length === 29);
    const { toDispatch } = await outboxRepository(database).relay(1_000);
    const expected = [...tasks.slice(0, 10), tasks[13]].map((task) => task?.id);
    expect(new Set(toDispatch.map(({ taskId }) => taskId))).toEqual(new Set(expected));
    expect(await outboxRepository(database).relay(1_000)).toEqual({
      events: 0,
      more: false,
      isWaiting: false,
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
