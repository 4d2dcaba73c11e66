import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { redisEmbeddingCache } from "./redis-embedding-cache.ts";

const url = process.env["DEVMESH_REDIS_URL"];
const eventually = { timeout: 30_000, interval: 10 };
/** For a machine that stands still for a while. */
const limitMs = 10_000;
const newKey = (): string => randomBytes(32).toString("hex");
/** A way to `target` on which nothing comes through any more once it is blocked. */
async function openWay(target: URL): Promise<AsyncDisposable & { readonly url: string; block(): number }> {
  const sockets: Socket[] = [];
  let blocked = 0;
  let isBlocked = false;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) sockets.push(socket.on("error", () => undefined));
    near.on("data", (data) => {
      if (isBlocked) blocked += 1;
      else far.write(data);
    });
    far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    block: () => {
      isBlocked = true;
      return blocked;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const vectorOf = (dimensions: number, seed: number): Float32Array =>
  Float32Array.from({ length: dimensions }, (_, at) => Math.sin(seed + at));

describe("redisEmbeddingCache while Redis is away", () => {
  it("forgets at once, and never rejects", async () => {
    await using cache = redisEmbeddingCache({ url: "redis://127.0.0.1:1" });
    await cache.setMany(new Map([["a", vectorOf(4, 1)]]));
    expect(await cache.getMany(["a"])).toEqual(new Map());
    expect(await cache.getMany([])).toEqual(new Map());
  });
});

describe.skipIf(url === undefined)("redisEmbeddingCache", () => {
  const given = url ?? "";

  it("gives back what was kept, to the bit, by any process, and nothing of other keys", async () => {
    await using here = redisEmbeddingCache({ url: given, limitMs });
    await using there = redisEmbeddingCache({ url: given, limitMs });
    const entries = new Map(Array.from({ length: 600 }, (_, at) => [newKey(), vectorOf(256 + (at % 3), at)] as const));
    await vi.waitFor(async () => {
      await here.setMany(entries);
      expect((await there.getMany([...entries.keys()])).size).toBe(600);
    }, eventually);
    expect(await there.getMany([newKey(), ...entries.keys(), newKey()])).toEqual(entries);
  });

  it("keeps a part of a larger buffer as what it is, and forgets when its time is over", async () => {
    await using cache = redisEmbeddingCache({ url: given, ttlMs: 60_000, limitMs });
    const [part, key] = [vectorOf(12, 7).subarray(4, 8), newKey()];
    await vi.waitFor(async () => {
      await cache.setMany(new Map([[key, part]]));
      expect(await cache.getMany([key])).toEqual(new Map([[key, Float32Array.from(part)]]));
    }, eventually);
    const redis = new Redis(given);
    expect(await redis.pttl(`devmesh:embedding:${key}`)).toBeGreaterThan(50_000);
    await redis.pexpire(`devmesh:embedding:${key}`, 1);
    await vi.waitFor(async () => expect((await cache.getMany([key])).size).toBe(0), eventually);
    redis.disconnect();
  });

  it("waits for one that hangs a few times, and then not at all", async () => {
    await using way = await openWay(new URL(given));
    await using cache = redisEmbeddingCache({ url: way.url, limitMs: 200, breaker: { minCalls: 2 } });
    const entry = new Map([[newKey(), vectorOf(4, 1)]]);
    await vi.waitFor(async () => {
      await cache.setMany(entry);
      expect(await cache.getMany([...entry.keys()])).toEqual(entry);
    }, eventually);
    way.block();
    for (let count = 0; count < 40; count++) expect(await cache.getMany([...entry.keys()])).toEqual(new Map());
    expect(way.block()).toBeGreaterThanOrEqual(1);
    expect(way.block()).toBeLessThan(20);
  });

  it("passes over what is no vector", async () => {
    await using cache = redisEmbeddingCache({ url: given, limitMs });
    const redis = new Redis(given);
    const [odd, list, nan, good] = [newKey(), newKey(), newKey(), newKey()];
    await redis.set(`devmesh:embedding:${odd}`, "abc", "PX", 60_000);
    await redis.set(`devmesh:embedding:${nan}`, Buffer.from(Float32Array.of(1, Number.NaN).buffer), "PX", 60_000);
    await redis.rpush(`devmesh:embedding:${list}`, "x");
    await redis.pexpire(`devmesh:embedding:${list}`, 60_000);
    await vi.waitFor(async () => {
      await cache.setMany(new Map([[good, vectorOf(4, 1)]]));
      expect([...(await cache.getMany([odd, list, nan, good])).keys()]).toEqual([good]);
    }, eventually);
    redis.disconnect();
  });
});
