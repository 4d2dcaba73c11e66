import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBoth, type OpenDatabase } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { prune } from "../prune.ts";
import { postgresEmbeddingCache } from "./embedding-cache.ts";

describeOnBoth(describeCache);

function describeCache(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());
  const newKey = (): string => randomBytes(32).toString("hex");

  test("gives back exactly what it was given, to the last bit, and what it does not have not at all", async () => {
    const cache = postgresEmbeddingCache(database);
    const exact = Float32Array.from([0.1, -0, 1e-45, 3.4e38, Math.PI, Number.MIN_VALUE]);
    const entries = new Map([
      [newKey(), exact],
      [newKey(), new Float32Array(1_024).fill(1 / 3)],
    ]);
    await cache.setMany(entries);
    await cache.setMany(entries);
    const got = await cache.getMany([...entries.keys(), newKey()]);
    expect(got.size).toBe(2);
    for (const [key, vector] of entries) expect(Object.is(got.get(key)?.[1], vector[1]), key).toBe(true);
    expect(new Map(got)).toEqual(entries);
    expect(await cache.getMany([])).toEqual(new Map());
  });

  test("forgets what nobody asked for in 30 days, and keeps what was read meanwhile", async () => {
    const cache = postgresEmbeddingCache(database);
    const [read, unread] = [newKey(), newKey()];
    await cache.setMany(new Map([read, unread].map((key) => [key, new Float32Array(8)])));
    await database.query(sql`update embedding_cache set used_on = current_date - 31`);
    expect((await cache.getMany([read])).size).toBe(1);
    while ((await prune(database)) > 0);
    expect([...(await cache.getMany([read, unread])).keys()]).toEqual([read]);
  });

  test("is empty, and fails nobody, where the database refuses", async () => {
    const cache = postgresEmbeddingCache(database);
    expect(await cache.getMany(["no hex"])).toEqual(new Map());
    await cache.setMany(new Map([["no hex", new Float32Array(1)]]));
  });
}
