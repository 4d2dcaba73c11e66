import { randomUUID } from "node:crypto";
import type { ApiKeyId, NodeId, TenantId } from "@devmesh/models";
import { Redis } from "ioredis";
import { afterAll, beforeEach, describe, expect, it, test, vi } from "vitest";
import { memorySessions } from "./memory-session-store.ts";
import { openRedisSessions } from "./redis-session-store.ts";
import type { SessionBounds, SessionRecord, SessionStore } from "./session-store.ts";

const url = process.env["DEVMESH_REDIS_URL"];
const eventually = { timeout: 30_000 };
const bounds: SessionBounds = { idleMs: 60_000, maxPerTenant: 2, maxEvents: 4, maxEventBytes: 100 };
const uuid = <Id extends string>(): Id => randomUUID() as string as Id;
const [here, there] = [uuid<NodeId>(), uuid<NodeId>()];

function newRecord(tenantId = uuid<TenantId>()): SessionRecord {
  return { id: uuid(), tenantId, principalId: uuid<ApiKeyId>(), initialize: { protocolVersion: "x" }, resources: [] };
}

const kinds: readonly (readonly [string, (some: Partial<SessionBounds>) => SessionStore])[] = [
  ["in memory", (some) => memorySessions({ max: 100, ...bounds, ...some, now: () => performance.now() })],
  ...(url === undefined
    ? []
    : [["in Redis", (some: Partial<SessionBounds>) => openRedisSessions({ url, ...bounds, ...some })] as const]),
];

describe.each(kinds)("sessions %s", (_, open) => {
  const store = open({});
  beforeEach(() => vi.waitFor(() => store.find("none"), eventually));
  afterAll(() => store[Symbol.asyncDispose]());

  it("are found with what the client set, until they are removed", async () => {
    const record = newRecord();
    expect(await store.create(record)).toBe(true);
    await store.remember(record.id, { logLevel: "debug" });
    await store.remember(record.id, { subscribe: "a://1" });
    await store.remember(record.id, { subscribe: "a://2" });
    await store.remember(record.id, { unsubscribe: "a://1" });
    expect(await store.find(record.id)).toEqual({ ...record, logLevel: "debug", resources: ["a://2"] });
    expect(await store.remove(record.id)).toBe(true);
    expect(await store.find(record.id)).toBeUndefined();
    expect(await store.remove(record.id)).toBe(false);
    expect(await store.append(record.id, { stream: "s", seq: 1, message: "{}" })).toBe(false);
  });

  it("remember no more resources than a server takes", async () => {
    const record = newRecord();
    await store.create(record);
    for (let n = 0; n < 101; n++) await store.remember(record.id, { subscribe: `a://${n}` });
    expect((await store.find(record.id))?.resources).toHaveLength(100);
  });

  it("are as many as a tenant may have, and no more", async () => {
    const tenantId = uuid<TenantId>();
    const [first, second, third] = [newRecord(tenantId), newRecord(tenantId), newRecord(tenantId)];
    expect(await store.create(first)).toBe(true);
    expect(await store.create(second)).toBe(true);
    expect(await store.create(third)).toBe(false);
    expect(await store.create(newRecord())).toBe(true);
    await store.remove(first.id);
    expect(await store.create(third)).toBe(true);
  });

  it("end when they were idle for long enough, and make room", async () => {
    await using brief = open({ idleMs: 40, maxPerTenant: 1 });
    await vi.waitFor(() => brief.find("none"), eventually);
    const record = newRecord();
    expect(await brief.create(record)).toBe(true);
    await vi.waitFor(async () => expect(await brief.create(newRecord(record.tenantId))).toBe(true), eventually);
    expect(await brief.find(record.id)).toBeUndefined();
  });

  it("keep the newest events of each stream, within their bounds", async () => {
    const { id } = newRecord();
    await store.create({ ...newRecord(), id });
    for (let seq = 1; seq <= 5; seq++)
      await store.append(id, { stream: seq === 3 ? "b" : "a", seq, message: `${seq}` });
    expect(await store.read(id, "a", 0)).toMatchObject([2, 4, 5].map((seq) => ({ seq, message: `${seq}` })));
    expect(await store.read(id, "a", 4)).toMatchObject([{ seq: 5 }]);
    await store.append(id, { stream: "a", seq: 6, message: "x".repeat(99) });
    expect((await store.read(id, "a", 0)).map(({ seq }) => seq)).toEqual([5, 6]);
  });

  it("know who works on a request, until it is answered", async () => {
    const { id } = newRecord();
    await store.create({ ...newRecord(), id });
    await store.openStream(id, { stream: "a", nodeId: here, requestId: 7 });
    expect(await store.findOpen(id)).toEqual([{ stream: "a", nodeId: here, requestId: 7 }]);
    await store.append(id, { stream: "a", seq: 1, message: "{}" });
    expect(await store.findOpen(id)).toHaveLength(1);
    await store.append(id, { stream: "a", seq: 2, message: "{}", closes: true });
    expect(await store.findOpen(id)).toEqual([]);
  });

  it("take events of their own stream from the node where it is, and number on where it moves", async () => {
    const { id } = newRecord();
    await store.create({ ...newRecord(), id });
    const tell = (seq: number, ifAt: NodeId): Promise<boolean> =>
      store.append(id, { stream: "own", seq, message: "{}", ifAt });
    expect(await tell(1, here)).toBe(false);
    expect(await store.moveStream(id, "own", here)).toBe(0);
    expect(await tell(1, here)).toBe(true);
    expect(await store.moveStream(id, "own", there)).toBe(1);
    expect(await tell(2, here)).toBe(false);
    expect(await tell(2, there)).toBe(true);
    expect((await store.read(id, "own", 0)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("give a text that waits to the first who asks", async () => {
    const name = (await store.stash("text")) ?? "";
    expect(await store.unstash(name)).toBe("text");
    expect(await store.unstash(name)).toBeUndefined();
  });
});

test("ends the session that is idle for longest where memory has no more room", async () => {
  await using store = memorySessions({ ...bounds, max: 2, now: () => 0 });
  const [first, second, third] = [newRecord(), newRecord(), newRecord()];
  await store.create(first);
  await store.create(second);
  await store.find(first.id);
  await store.create(third);
  expect(await store.find(second.id)).toBeUndefined();
  expect(await store.find(first.id)).toEqual(first);
});

test("says that the store is away, and never waits for it", async () => {
  await using store = openRedisSessions({ url: "redis://127.0.0.1:1", ...bounds });
  await expect(store.find("x")).rejects.toMatchObject({ code: "unavailable", reason: "session_store" });
  await expect(store.create(newRecord())).rejects.toMatchObject({ code: "unavailable" });
  expect(await store.stash("x")).toBeUndefined();
  expect(await store.unstash("x")).toBeUndefined();
});

test.skipIf(url === undefined)("leaves nothing in Redis that does not end by itself", async () => {
  await using store = openRedisSessions({ url: url ?? "", ...bounds });
  await vi.waitFor(() => store.find("none"), eventually);
  const record = newRecord();
  await store.create(record);
  await store.remember(record.id, { subscribe: "a://1" });
  await store.openStream(record.id, { stream: "a", nodeId: here, requestId: 1 });
  await store.append(record.id, { stream: "a", seq: 1, message: "{}" });
  await store.stash("x");
  const redis = new Redis(url ?? "");
  const keys = await redis.keys("devmesh:mcp:*");
  const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
  redis.disconnect();
  expect(keys.length).toBeGreaterThan(4);
  // -2 is one that has ended meanwhile
  expect(lives).not.toContain(-1);
});
