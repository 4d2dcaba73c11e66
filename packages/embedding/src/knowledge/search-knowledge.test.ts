import type { ApiKeyId, KnowledgeEntry, KnowledgeId, MetadataFilter, SearchHit, TenantId } from "@devmesh/models";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type KnowledgeQuery, searchKnowledge, usageFactor } from "./search-knowledge.ts";

const now = Date.parse("2026-11-21T00:00:00.000Z");
const reader = { id: "019a0000-0000-7000-8000-000000000009" as ApiKeyId, team: "red", isAdmin: false };
const tenantId = "019a0000-0000-7000-8000-000000000008" as TenantId;
const { signal } = new AbortController();
const degraded = { code: "unavailable", message: "the model is away" } as const;

function entryOf(id: string, uses = 0, rest: Partial<KnowledgeEntry> = {}): Omit<KnowledgeEntry, "content"> {
  const at = "2026-11-20T00:00:00.000Z";
  const used = uses === 0 ? {} : { lastUsedAt: at };
  const entry = { title: id, tags: [], access: "tenant", ownerId: reader.id, version: 1, createdAt: at, updatedAt: at };
  return { ...(entry as unknown as KnowledgeEntry), id: id as KnowledgeId, uses, ...used, ...rest };
}

const hitOf = (externalId: string, score: number, content = externalId) =>
  ({ externalId, score, content, ranks: {}, position: { ordinal: 0, start: 0, end: 1 } }) as unknown as SearchHit;

async function search(chunks: readonly SearchHit[], entries: readonly Omit<KnowledgeEntry, "content">[], asked = {}) {
  const queries: KnowledgeQuery[] = [];
  const deps = {
    store: { findAll: async () => entries },
    search: async (_tenant: TenantId, query: KnowledgeQuery) => {
      queries.push(query);
      const hits = chunks.slice(0, query.limit);
      return { hits, mode: "text", degraded, tookMs: 2 } as const;
    },
    now: () => now,
  };
  const request = { query: "q", mode: "hybrid", limit: 10, ...asked } as const;
  const found = await searchKnowledge(deps, { tenantId, reader }, { asked: request, signal });
  return { ...found, query: queries[0], limits: queries.map(({ limit }) => limit) };
}

it("gives each entry once, with the best of its chunks", async () => {
  const chunks = [hitOf("a", 0.9, "best"), hitOf("b", 0.8), hitOf("a", 0.7, "worse")];
  const { hits } = await search(chunks, [entryOf("b"), entryOf("a")]);
  expect(hits.map(({ entry, content }) => [entry.id, content])).toEqual([
    ["a", "best"],
    ["b", "b"],
  ]);
});

it("looks behind an entry whose chunks are all that was asked for, once", async () => {
  const long = Array.from({ length: 50 }, (_, n) => hitOf("long", 1 - n / 1_000));
  const { hits, limits } = await search([...long, hitOf("short", 0.5)], [entryOf("long"), entryOf("short")]);
  expect(hits.map(({ entry }) => entry.id)).toEqual(["long", "short"]);
  expect(limits).toEqual([40, 100]);
  const endless = Array.from({ length: 200 }, () => hitOf("long", 1));
  expect((await search(endless, [entryOf("long")])).limits).toEqual([40, 100]);
  expect((await search(endless, [entryOf("long")], { limit: 50 })).limits).toEqual([100]);
  expect((await search([hitOf("a", 1)], [entryOf("a")])).limits).toEqual([40]);
});

it("says how it was found, and how long all of it took", async () => {
  expect(await search([hitOf("a", 1)], [entryOf("a")])).toMatchObject({ mode: "text", degraded, tookMs: 2 });
  const long = Array.from({ length: 50 }, () => hitOf("long", 1));
  expect(await search(long, [entryOf("long")])).toMatchObject({ mode: "text", degraded, tookMs: 4 });
});

it("leaves out what the rows no longer show, or hold no more", async () => {
  const { hits } = await search(
    [hitOf("hidden", 0.9), hitOf("moved", 0.8), hitOf("seen", 0.1)],
    [entryOf("seen", 0, { category: "x" }), entryOf("moved", 0, { category: "y" })],
    { category: "x" },
  );
  expect(hits.map(({ entry }) => entry.id)).toEqual(["seen"]);
});

it("puts an entry that was of use before one that fits slightly better", async () => {
  const { hits } = await search([hitOf("fits", 0.8), hitOf("used", 0.78)], [entryOf("fits"), entryOf("used", 50)]);
  expect(hits.map(({ entry }) => entry.id)).toEqual(["used", "fits"]);
});

it("asks the index for nothing that the asker may not see", async () => {
  const { query } = await search([], [], { access: "private", tags: ["t"] });
  const is = (field: string, value: string): MetadataFilter => ({ op: "eq", path: [field], value });
  const team: MetadataFilter = { op: "and", filters: [is("access", "team"), is("team", "red")] };
  expect(query?.filter).toEqual({
    op: "and",
    filters: [
      { op: "or", filters: [is("access", "tenant"), is("owner", reader.id), team] },
      is("access", "private"),
      is("tags", "t"),
    ],
  });
});

const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2 ** 31);
it(`usage nudges within a tenth, more uses never less, older ones never more (seed ${seed})`, () => {
  const uses = fc.nat({ max: 1_000_000 });
  const ageMs = fc.nat({ max: 10 * 365 * 86_400_000 });
  fc.assert(
    fc.property(uses, uses, ageMs, ageMs, (a, b, young, old) => {
      const at = (age: number): string => new Date(now - age).toISOString();
      const factor = (count: number, age: number) => usageFactor({ uses: count, lastUsedAt: at(age) }, now);
      const [few, many] = [Math.min(a, b), Math.max(a, b)];
      const [late, early] = [Math.min(young, old), Math.max(young, old)];
      expect(factor(few, late)).toBeLessThanOrEqual(factor(many, late));
      expect(factor(few, early)).toBeLessThanOrEqual(factor(few, late));
      expect(factor(few, early)).toBeGreaterThanOrEqual(0.9);
      expect(factor(many, late)).toBeLessThanOrEqual(1);
    }),
    { seed },
  );
});
