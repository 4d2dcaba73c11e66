import {
  type Collection,
  type Distance,
  isDimensions,
  type MetadataFilter,
  type TenantId,
  type Vector,
} from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { embedAll, givenCollection, keyOf, newDocument, pointing } from "../../test/collections.ts";
import { describeOnBoth, givenTenant, type OpenDatabase } from "../../test/fixture.ts";
import { documentRepository } from "../collections/document-repository.ts";
import type { Database } from "../database/database.ts";
import { searchRepository } from "./search-repository.ts";

describeOnBoth(describeSearch);

/** Small, so that few documents go past them. */
const bounds = { maxExact: 20, maxScanTuples: 40, maxWeighed: 30 };
const asked = { filter: undefined, limit: 3, explain: false, signal: AbortSignal.any([]) };

function describeSearch(open: OpenDatabase): void {
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

  /** Documents `0`, `1`, … of one chunk each, which says its number. */
  async function givenDocuments(
    collection: Collection,
    count: number,
    metadataOf: (index: number) => Record<string, unknown> = () => ({}),
  ): Promise<void> {
    const documents = Array.from({ length: count }, (_, index) =>
      newDocument(`${index}`, [`text ${index}`], metadataOf(index)),
    );
    await documentRepository(database).write(keyOf(collection), documents);
  }
  const numberOf = (content: string): number => Number(content.split(" ").at(-1));
  /** What was found, by the documents' names, and how. */
  async function namesOf(
    collection: Collection,
    { found }: { readonly found: Parameters<ReturnType<typeof searchRepository>["load"]>[1] },
  ): Promise<readonly (string | undefined)[]> {
    const loaded = await searchRepository(database).load(collection.tenantId, found);
    return found.map(({ chunkId }) => loaded.get(chunkId)?.externalId);
  }
  const near = (
    collection: Collection,
    vector: Vector,
    given: { readonly filter?: MetadataFilter; readonly limit?: number; readonly explain?: boolean } = {},
  ) => searchRepository(database, bounds).byVector({ ...asked, ...given, collection, vector, efSearch: undefined });
  const byText = (
    collection: Collection,
    query: string,
    given: { readonly filter?: MetadataFilter; readonly limit?: number; readonly explain?: boolean } = {},
  ) => searchRepository(database, bounds).byText({ ...asked, ...given, collection, query });

  describe("by vector", () => {
    test.each([
      ["cosine", Math.cos(0.1)],
      ["dot", Math.cos(0.1)],
      ["l2", 1 / (1 + 2 * Math.sin(0.05))],
    ] as const)("%s: nearest first, by its index, with a similarity as score", async (distance: Distance, score) => {
      for (const storage of ["vector", "halfvec"] as const) {
        const collection = await givenCollection(database, tenantId, { distance, storage });
        await givenDocuments(collection, 12);
        await embedAll(database, collection, (content) => pointing(numberOf(content) / 10));
        const result = await near(collection, pointing(0.5), { explain: true });
        expect((await namesOf(collection, result))[0]).toBe("5");
        expect(new Set(await namesOf(collection, result))).toEqual(new Set(["5", "4", "6"]));
        expect(result.found[0]?.score).toBeCloseTo(1, 2);
        expect(result.found[2]?.score).toBeCloseTo(score, 2);
        expect(result.step).toMatchObject({ method: "vector", strategy: "hnsw", found: 3 });
        expect(result.step.plan?.join("\n")).toContain(`Index Scan using near_${collection.id.replaceAll("-", "_")}`);
      }
    });

    test.each([384, 512, 1024, 1536, 3072])("%i dimensions", async (dimensions) => {
      if (!isDimensions(dimensions)) throw new Error(`no model gives ${dimensions} dimensions`);
      const collection = await givenCollection(database, tenantId, { dimensions });
      await givenDocuments(collection, 3);
      await embedAll(database, collection, (content) => pointing(numberOf(content), dimensions));
      expect(await namesOf(collection, await near(collection, pointing(1, dimensions), { limit: 1 }))).toEqual(["1"]);
    });

    test("equal ones come by chunk id, a vector of length 0 never, and one asked for finds nothing", async () => {
      const collection = await givenCollection(database, tenantId);
      await givenDocuments(collection, 6);
      await embedAll(database, collection, (content) =>
        numberOf(content) === 0 ? new Float32Array(256) : pointing(1),
      );
      const { found } = await near(collection, pointing(1), { limit: 10 });
      expect(found).toHaveLength(5);
      expect(found.map(({ chunkId }) => chunkId)).toEqual(found.map(({ chunkId }) => chunkId).toSorted());
      expect((await near(collection, new Float32Array(256))).found).toEqual([]);
    });

    test("a filter that leaves few: those are compared one by one, by the index of metadata", async () => {
      const collection = await givenCollection(database, tenantId);
      await givenDocuments(collection, 90, (index) => ({ group: index % 30, even: index % 2 === 0 }));
      await embedAll(database, collection, (content) => pointing(numberOf(content) / 100));
      const filter: MetadataFilter = { op: "eq", path: ["group"], value: 7 };
      const result = await near(collection, pointing(0), { filter, limit: 5 });
      expect(await namesOf(collection, result)).toEqual(["7", "37", "67"]);
      expect(result.step.strategy).toBe("exact over 3 filtered");
    });

    test("a filter that leaves many, all of them far away: as many as were asked for all the same", async () => {
      const collection = await givenCollection(database, tenantId, { hnsw: { m: 4, efConstruction: 8, efSearch: 10 } });
      await givenDocuments(collection, 150, (index) => ({ isFar: index >= 100 }));
      await embedAll(database, collection, (content) => pointing(numberOf(content) < 100 ? 0.1 : 3));
      const filter: MetadataFilter = { op: "eq", path: ["isFar"], value: true };
      const result = await near(collection, pointing(0), { filter, limit: 40, explain: true });
      expect(result.found).toHaveLength(40);
      expect(result.step.strategy).toMatch(/^hnsw iterative/);
      const names = await namesOf(collection, result);
      expect(names.every((name) => Number(name) >= 100)).toBe(true);
    });

    test("fewer than were asked for only where there are no more", async () => {
      const collection = await givenCollection(database, tenantId);
      await givenDocuments(collection, 4);
      expect((await near(collection, pointing(0))).found).toEqual([]);
      await embedAll(database, collection, (content) => pointing(numberOf(content)));
      const result = await near(collection, pointing(0), { limit: 50 });
      expect(result.found).toHaveLength(4);
      expect(result.step.strategy).toBe("hnsw, then exact");
    });
  });

  describe("by text", () => {
    test("a question in natural language finds by its rare words, in the collection's language", async () => {
      const collection = await givenCollection(database, tenantId);
      const texts = [
        "Leases end when an agent's heartbeat is lost.",
        "Agents send a heartbeat; agents have slots.",
        "An agent takes tasks, and an agent reports progress.",
        "Budgets cap spending.",
      ];
      const documents = texts.map((text, index) => newDocument(`${index}`, [text]));
      await documentRepository(database).write(keyOf(collection), documents);
      const result = await byText(collection, "When does the lease of an agent end?", { explain: true });
      expect((await namesOf(collection, result))[0]).toBe("0");
      expect(result.found).toHaveLength(3);
      expect(result.step).toMatchObject({ method: "text", strategy: "gin 3 of 3 words" });
      expect(result.step.plan?.join("\n")).toMatch(/^Limit/);
      expect((await byText(collection, "the of an")).found).toEqual([]);
      expect((await byText(collection, "nothing like zebras")).found).toEqual([]);
    });

    test("a score is a share of the query's weight: words that no chunk has lower it", async () => {
      const collection = await givenCollection(database, tenantId);
      await documentRepository(database).write(keyOf(collection), [
        newDocument("a", ["lease"]),
        newDocument("b", ["slot"]),
      ]);
      const scoreOf = async (query: string) => (await byText(collection, query)).found[0]?.score ?? 0;
      const whole = await scoreOf("lease");
      expect(whole).toBeGreaterThan(0);
      expect(whole).toBeLessThanOrEqual(1);
      expect(await scoreOf("lease zebra")).toBeLessThan(whole * 0.5);
      expect(await scoreOf("lease slot")).toBeCloseTo(whole / 2);
    });

    test("a score tells nothing of what the filter leaves out, where words are counted among what it leaves", async () => {
      const collection = await givenCollection(database, tenantId);
      const filter: MetadataFilter = { op: "eq", path: ["mine"], value: true };
      const given = { filter, countsFiltered: true };
      const scores = async () =>
        (await Promise.all(["lease", "lease zebra"].map((query) => byText(collection, query, given)))).map(
          ({ found }) => found.map(({ score }) => score),
        );
      await documentRepository(database).write(keyOf(collection), [newDocument("a", ["lease"], { mine: true })]);
      const before = await scores();
      const others = ["b", "c", "d"].map((name) => newDocument(name, ["lease of a zebra"], { mine: false }));
      await documentRepository(database).write(keyOf(collection), others);
      expect(before.flat()).toHaveLength(2);
      expect(await scores()).toEqual(before);
    });

    test("words of any form are looked for as they are: quotes, operators, backslashes", async () => {
      const collection = await givenCollection(database, tenantId, { language: "simple" });
      const odd = "it's a 'quoted' back\\slash & more | <-> :* ! (x) hnsw.ef_search /etc/passwd a@b.example";
      await documentRepository(database).write(keyOf(collection), [newDocument("odd", [odd])]);
      for (const query of [odd, "it's", "'quoted'", "back\\slash", "& | !", "hnsw.ef_search", "/etc/passwd"]) {
        const { found } = await byText(collection, query);
        expect(found.length, query).toBe(/\w/.test(query) ? 1 : 0);
      }
    });

    test("a heading counts more, and a filter leaves no chunk of another document", async () => {
      const collection = await givenCollection(database, tenantId);
      const titled = newDocument("titled", ["What is said here is short."], { lang: "en" });
      const chunks = titled.chunks.map((chunk) => ({ ...chunk, heading: "Backpressure" }));
      await documentRepository(database).write(keyOf(collection), [
        { ...titled, chunks },
        newDocument("body", ["Here backpressure is said once."], { lang: "de" }),
      ]);
      expect(await namesOf(collection, await byText(collection, "backpressure"))).toEqual(["titled", "body"]);
      const filter: MetadataFilter = { op: "eq", path: ["lang"], value: "de" };
      expect(await namesOf(collection, await byText(collection, "backpressure", { filter }))).toEqual(["body"]);
    });

    test("a filter that leaves few documents among many with the words: by those documents", async () => {
      const collection = await givenCollection(database, tenantId);
      await givenDocuments(collection, 90, (index) => ({ group: index % 30, even: index % 2 === 0 }));
      const few = await byText(collection, "text", { filter: { op: "eq", path: ["group"], value: 7 }, limit: 5 });
      expect(new Set(await namesOf(collection, few))).toEqual(new Set(["7", "37", "67"]));
      expect(few.step.strategy).toBe("words of 3 filtered");
      const many = await byText(collection, "text", { filter: { op: "eq", path: ["even"], value: true }, limit: 20 });
      expect(many.found).toHaveLength(20);
      expect((await namesOf(collection, many)).every((name) => Number(name) % 2 === 0)).toBe(true);
      expect(many.step.strategy).toBe("gin 1 of 1 words");
    });

    test("as many as were asked for, where only the common word is in so many", async () => {
      const collection = await givenCollection(database, tenantId);
      await givenDocuments(collection, 60);
      await documentRepository(database).write(keyOf(collection), [newDocument("rare", ["a rare text"])]);
      const result = await byText(collection, "rare text", { limit: 20 });
      expect(result.found).toHaveLength(20);
      expect((await namesOf(collection, result))[0]).toBe("rare");
    });
  });

  test("a search that was called off before it began is not done", async () => {
    const collection = await givenCollection(database, tenantId);
    const signal = AbortSignal.abort();
    const search = searchRepository(database).byText({ ...asked, signal, collection, query: "a" });
    await expect(search).rejects.toMatchObject({ code: "cancelled" });
  });
}
