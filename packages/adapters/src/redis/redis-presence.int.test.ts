import type { NodeId } from "@devmesh/models";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { openRedisPresence } from "./redis-presence.ts";

const url = process.env["DEVMESH_REDIS_URL"];
const eventually = { timeout: 30_000, interval: 10 };
const facts = { startedAt: "2026-01-01T00:00:00.000Z", connections: 3 };
const newNode = (): NodeId => crypto.randomUUID() as string as NodeId;

describe("openRedisPresence while Redis is away", () => {
  it("says nothing, knows nothing, and never rejects", async () => {
    await using presence = openRedisPresence({ url: "redis://127.0.0.1:1" });
    const node = newNode();
    expect(await presence.announce(node, facts, 1_000)).toBe(false);
    expect(await presence.find([node])).toBeUndefined();
    expect(await presence.find([])).toBeUndefined();
    await presence.withdraw(node);
  });
});

describe.skipIf(url === undefined)("openRedisPresence", () => {
  const given = url ?? "";

  it("lets others find who announced itself, until that is over or taken back", async () => {
    await using here = openRedisPresence({ url: given });
    await using there = openRedisPresence({ url: given });
    const [lasting, brief, leaving, absent] = [newNode(), newNode(), newNode(), newNode()];
    await vi.waitFor(async () => expect(await here.announce(lasting, facts, 60_000)).toBe(true), eventually);
    await here.announce(brief, facts, 30);
    await here.announce(leaving, facts, 60_000);
    await here.withdraw(leaving);
    const all = [lasting, brief, leaving, absent];
    const only = new Map([[lasting, facts]]);
    await vi.waitFor(async () => expect(await there.find(all)).toEqual(only), eventually);
    await here.withdraw(lasting);
    expect(await there.find(all)).toEqual(new Map());
  });

  it("takes what another version wrote for a sign of life", async () => {
    await using presence = openRedisPresence({ url: given });
    const [other, broken] = [newNode(), newNode()];
    const redis = new Redis(given);
    await redis.set(`devmesh:presence:${other}`, '{"v":2}', "PX", 60_000);
    await redis.set(`devmesh:presence:${broken}`, "{", "PX", 60_000);
    await vi.waitFor(async () => expect((await presence.find([other, broken]))?.size).toBe(2), eventually);
    redis.disconnect();
  });
});
