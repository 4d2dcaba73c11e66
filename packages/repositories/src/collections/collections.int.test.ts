import type { ChunkId, CollectionId, DocumentId, ImportId, PendingDocument, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { embedAll, givenCollection, keyOf, newCollection, newDocument, pointing } from "../../test/collections.ts";
import { describeOnBoth, givenTenant, newUuid, type OpenDatabase } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { prune } from "../prune.ts";
import { searchRepository } from "../search/search-repository.ts";
import { collectionRepository } from "./collection-repository.ts";
import { documentRepository } from "./document-repository.ts";
import { pendingRepository } from "./pending-repository.ts";

describeOnBoth(describeCollections);

const firstPage = { limit: 10, after: undefined };

function describeCollections(open: OpenDatabase): void {
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

  const byApp = (tenants: readonly TenantId[], statement: ReturnType<typeof sql>): Promise<unknown> =>
    database.queryAs({ role: "devmesh_app", tenants }, statement);
  const countPartitions = async (id: CollectionId): Promise<number> => {
    const { rows } = await database.query<{ count: number }>(sql`
      select count(*) as count from pg_class
      where relnamespace = 'collections'::regnamespace and relkind = 'r' and relname like ${`%${id.replaceAll("-", "_")}`}`);
    return rows[0]?.count ?? -1;
  };

  describe("collections", () => {
    test("are made once for a key, found by id and by name, and listed newest first", async () => {
      const collections = collectionRepository(database);
      const asked = newCollection(tenantId, { name: "docs", description: "all of them" });
      const key = { principalId: newUuid<never>(), key: "k", bodyHash: "00" };
      const { made, isReplay } = await collections.create(asked, { max: 5, key });
      expect(isReplay).toBe(false);
      expect(await collections.create({ ...asked, id: newUuid() }, { max: 5, key })).toEqual({ made, isReplay: true });
      expect(await collections.find(tenantId, made.id)).toEqual(made);
      expect(await collections.findAll(tenantId, ["docs", "nothing"])).toEqual([made]);
      expect(await collections.findAll(tenantId, [made.id.toUpperCase()])).toEqual([made]);
      const second = await givenCollection(database, tenantId);
      expect(await collections.list(tenantId, { limit: 1, after: undefined })).toEqual([second]);
      const after = { at: second.createdAt.toISOString(), id: second.id };
      expect(await collections.list(tenantId, { limit: 5, after })).toEqual([made]);
      await expect(collections.create({ ...asked, id: newUuid() }, { max: 5 })).rejects.toMatchObject({
        code: "conflict",
        message: 'there is a collection "docs" already',
      });
      await expect(collections.create(newCollection(tenantId), { max: 2 })).rejects.toMatchObject({
        code: "failed_precondition",
        message: "the tenant has 2 collections already, the most it may",
      });
    });

    test("one of each kept kind, however many ask at once, and none of them among the tenant's own", async () => {
      const collections = collectionRepository(database);
      const template = () => ({ ...newCollection(tenantId), kind: "knowledge" as const });
      const made = await Promise.all([1, 2, 3].map(() => collections.ensure(template())));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(await collections.list(tenantId, firstPage)).toEqual([]);
      expect(await collections.findAll(tenantId, [made[0]?.id ?? ""])).toEqual([]);
      expect(await collections.find(tenantId, made[0]?.id as CollectionId)).toEqual(made[0]);
    });

    test("another tenant sees, deletes and fills nothing of them", async () => {
      const collections = collectionRepository(database);
      const documents = documentRepository(database);
      const other = await givenTenant(database);
      const collection = await givenCollection(database, tenantId);
      await documents.write(keyOf(collection), [newDocument("a", ["secret"], { a: 1 })]);
      const foreign = { tenantId: other, collectionId: collection.id };
      expect(await collections.find(other, collection.id)).toBeUndefined();
      expect(await collections.counts(other, collection.id)).toEqual({
        documents: 0,
        chunks: 0,
        pending: 0,
        failed: 0,
      });
      expect(await collections.fields(other, [collection.id])).toEqual([]);
      expect(await collections.delete(other, collection.id)).toBe(false);
      await expect(documents.write(foreign, [newDocument("b", ["b"])])).rejects.toMatchObject({ code: "not_found" });
      expect(await documents.find(foreign, "a")).toBeUndefined();
      expect(await documents.list(foreign, firstPage)).toEqual([]);
      expect(await documents.delete(foreign, ["a"])).toBe(0);
      const asIfOwn = { ...collection, tenantId: other };
      const asked = { collection: asIfOwn, filter: undefined, limit: 5, explain: false, signal: AbortSignal.any([]) };
      const search = searchRepository(database);
      expect((await search.byText({ ...asked, query: "secret" })).found).toEqual([]);
      expect((await search.byVector({ ...asked, vector: pointing(0), efSearch: undefined })).found).toEqual([]);
      const [own] = (await search.byText({ ...asked, collection, query: "secret" })).found;
      expect((await search.load(other, own === undefined ? [] : [own])).size).toBe(0);
    });

    test("a tenant makes the storage of its own rows alone, and drops none", async () => {
      const other = await givenTenant(database);
      const { id } = await givenCollection(database, tenantId);
      const refused = { code: "internal", message: expect.stringContaining("42501") };
      const make = (owner: TenantId, one: string) => sql`select make_collection_storage(${owner}, ${one})`;
      await expect(byApp([other], make(tenantId, id))).rejects.toMatchObject(refused);
      await expect(byApp([other], make(other, id))).rejects.toMatchObject(refused);
      await expect(byApp([], make(tenantId, id))).rejects.toMatchObject(refused);
      await expect(byApp([tenantId], sql`select drop_collection_storage(${id})`)).rejects.toMatchObject(refused);
      const direct = sql`select 1 from pg_class where has_schema_privilege('devmesh_app', 'collections', 'usage')`;
      expect(await byApp([tenantId], direct)).toMatchObject({ rowCount: 0 });
      await expect(
        database.queryAs({ role: "devmesh_engine" }, sql`select drop_collection_storage(${id})`),
      ).rejects.toMatchObject({ message: expect.stringContaining("is in use") });
    });

    test("a deleted one is gone at once, its name is free, and housekeeping drops what it had", async () => {
      const collections = collectionRepository(database);
      const collection = await givenCollection(database, tenantId, { name: "again" });
      await documentRepository(database).write(keyOf(collection), [newDocument("a", ["text"])]);
      expect(await countPartitions(collection.id)).toBe(3);
      expect(await collections.delete(tenantId, collection.id)).toBe(true);
      expect(await collections.delete(tenantId, collection.id)).toBe(false);
      expect(await collections.find(tenantId, collection.id)).toBeUndefined();
      expect(await documentRepository(database).find(keyOf(collection), "a")).toBeUndefined();
      expect((await pendingRepository(database).claim(100, 1)).filter((one) => one.tenantId === tenantId)).toEqual([]);
      await givenCollection(database, tenantId, { name: "again" });
      await database.query(sql`
        update collection set deleted_at = now() - interval '1 hour' where id = ${collection.id}`);
      expect(await prune(database)).toBeGreaterThan(0);
      expect(await countPartitions(collection.id)).toBe(0);
    });
  });

  test("housekeeping does not wait for whoever reads, and frees storage the next time", async () => {
    if (database.kind !== "postgres") return; // one session: nobody reads meanwhile
    const { id } = await givenCollection(database, tenantId);
    await collectionRepository(database).delete(tenantId, id);
    await database.query(sql`update collection set deleted_at = now() - interval '1 hour' where id = ${id}`);
    const begun = Promise.withResolvers<void>();
    const pruned = Promise.withResolvers<void>();
    const reading = database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
      await tx.query(sql`select id from document limit 1`);
      begun.resolve();
      await pruned.promise;
    });
    await begun.promise;
    await prune(database);
    pruned.resolve();
    await reading;
    expect(await countPartitions(id)).toBe(3);
    await prune(database);
    expect(await countPartitions(id)).toBe(0);
  });

  describe("documents", () => {
    test("of more chunks than one statement writes are written whole", async () => {
      const collection = await givenCollection(database, tenantId);
      const long = Array.from({ length: 1_001 }, (_, index) => `chunk ${index}`);
      await documentRepository(database).write(keyOf(collection), [newDocument("a", long), newDocument("b", ["one"])]);
      expect(await collectionRepository(database).counts(tenantId, collection.id)).toMatchObject({ chunks: 1_002 });
      const asked = { filter: undefined, limit: 5, explain: false, signal: AbortSignal.any([]) };
      const { found } = await searchRepository(database).byText({ ...asked, collection, query: "1000" });
      expect(found).toHaveLength(1);
    });

    test("are created, left alone, given new metadata, and cut anew", async () => {
      const collection = await givenCollection(database, tenantId);
      const documents = documentRepository(database);
      const collections = collectionRepository(database);
      const key = keyOf(collection);
      const [first] = await documents.write(key, [newDocument("a", ["one", "two"], { n: 1 })]);
      expect(first).toMatchObject({ outcome: "created", version: 1 });
      expect(await documents.find(key, "a")).toMatchObject({ state: "pending", chunks: 2, content: "one\ntwo" });
      expect(await embedAll(database, collection, () => pointing(0))).toBe(1);
      expect(await documents.find(key, first?.id ?? "")).toMatchObject({ state: "indexed", version: 1 });

      const again = newDocument("a", ["one", "two"], { n: 1 });
      expect(await documents.write(key, [again])).toEqual([{ outcome: "unchanged", id: first?.id, version: 1 }]);
      expect(await documents.write(key, [{ ...again, metadata: { n: 2 } }])).toEqual([
        { outcome: "updated", id: first?.id, version: 2 },
      ]);
      expect(await documents.find(key, "a")).toMatchObject({ state: "indexed", metadata: { n: 2 }, chunks: 2 });

      const outcomes = await documents.write(key, [newDocument("b", ["b"]), newDocument("a", ["three"], { n: 2 })]);
      expect(outcomes.map(({ outcome, version }) => [outcome, version])).toEqual([
        ["created", 1],
        ["updated", 3],
      ]);
      expect(await documents.find(key, "a")).toMatchObject({ state: "pending", chunks: 1, content: "three" });
      expect(await collections.counts(tenantId, collection.id)).toEqual({
        documents: 2,
        chunks: 2,
        pending: 2,
        failed: 0,
      });
      expect(await documents.delete(key, ["a", "nothing"])).toBe(1);
      expect(await collections.counts(tenantId, collection.id)).toMatchObject({ documents: 1, chunks: 1, pending: 1 });
    });

    test("an import leaves alone what somebody else wrote since it began, and not what it wrote itself", async () => {
      const collection = await givenCollection(database, tenantId);
      const documents = documentRepository(database);
      const key = keyOf(collection);
      const since = new Date(Date.now() - 60_000);
      const by = { importId: newUuid<ImportId>(), since };
      await documents.write(key, [newDocument("theirs", ["theirs"])]);
      expect(await documents.write(key, [newDocument("ours", ["first"])], by)).toMatchObject([{ outcome: "created" }]);
      const outcomes = await documents.write(
        key,
        [newDocument("ours", ["second"]), newDocument("theirs", ["mine"]), newDocument("theirs2", ["new"])],
        by,
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(["updated", "changed", "created"]);
      expect(await documents.find(key, "theirs")).toMatchObject({ content: "theirs", version: 1 });
      expect(await documents.write(key, [newDocument("theirs", ["theirs"])], by)).toMatchObject([
        { outcome: "unchanged" },
      ]);
    });

    test("two batches of the same documents at once write each once", async () => {
      const collection = await givenCollection(database, tenantId);
      const names = Array.from({ length: 40 }, (_, index) => `d${index}`);
      const batch = (order: readonly string[]) => order.map((name) => newDocument(name, [name]));
      const results = await Promise.all(
        [names, names.toReversed()].map((order) => documentRepository(database).write(keyOf(collection), batch(order))),
      );
      const outcomes = results.flat().map(({ outcome }) => outcome);
      expect(outcomes.filter((one) => one === "created")).toHaveLength(40);
      expect(outcomes.filter((one) => one === "unchanged")).toHaveLength(40);
    });

    test("are listed newest first, by state, page by page", async () => {
      const collection = await givenCollection(database, tenantId);
      const documents = documentRepository(database);
      const key = keyOf(collection);
      await documents.write(key, [newDocument("a", ["a"])]);
      await embedAll(database, collection, () => pointing(0));
      await documents.write(key, [newDocument("b", ["b"])]);
      await documents.write(key, [newDocument("c", ["c"])]);
      const listed = await documents.list(key, { limit: 2, after: undefined });
      expect(listed.map(({ externalId }) => externalId)).toEqual(["c", "b"]);
      expect(listed[0]).not.toHaveProperty("content");
      const last = listed[1];
      const after = { at: last?.createdAt ?? "", id: last?.id ?? "" };
      expect((await documents.list(key, { limit: 2, after })).map(({ externalId }) => externalId)).toEqual(["a"]);
      const inState = async (state: "indexed" | "pending" | "failed") =>
        (await documents.list(key, { ...firstPage, state })).map(({ externalId }) => externalId);
      expect([await inState("indexed"), await inState("pending"), await inState("failed")]).toEqual([
        ["a"],
        ["c", "b"],
        [],
      ]);
    });

    test("fields of metadata are told with all types that they ever had", async () => {
      const collection = await givenCollection(database, tenantId);
      const metadata = [
        { lang: "en", tags: ["a", 1], author: { name: "Ada" }, none: null, empty: [] },
        { lang: "de", tags: [true], parts: [{ size: 1 }, { size: "big" }] },
      ];
      for (const [index, one] of metadata.entries()) {
        await documentRepository(database).write(keyOf(collection), [newDocument(`${index}`, ["text"], one)]);
      }
      const fields = await collectionRepository(database).fields(tenantId, [collection.id]);
      expect(fields.map(({ path, types }) => [path, types.toSorted()])).toEqual([
        ["author.name", ["string"]],
        ["lang", ["string"]],
        ["parts.size", ["number", "string"]],
        ["tags", ["boolean", "number", "string"]],
      ]);
    });
  });

  describe("what waits for vectors", () => {
    test("is claimed once until the time of the claim is over, tenants in turn", async () => {
      const pending = pendingRepository(database);
      const other = await givenTenant(database);
      const mine = await givenCollection(database, tenantId);
      const theirs = await givenCollection(database, other);
      const many = Array.from({ length: 20 }, (_, index) => newDocument(`${index}`, ["text"]));
      await documentRepository(database).write(keyOf(mine), many);
      await documentRepository(database).write(keyOf(theirs), [newDocument("one", ["text"])]);
      await database.query(sql`delete from pending_document where tenant_id <> all (${[tenantId, other]}::uuid[])`);
      const claims = await Promise.all([pending.claim(2, 60_000), pending.claim(2, 60_000), pending.claim(30, 60_000)]);
      const claimed = claims.flat();
      expect(new Set(claimed.map(({ documentId }) => documentId)).size).toBe(claimed.length);
      const rest = await pending.claim(100, 60_000);
      expect([...claimed, ...rest]).toHaveLength(21);
      expect(await pending.claim(100, 60_000)).toEqual([]);
      const backlog = await pending.backlog(5);
      expect(backlog.claimed).toBe(5);
      expect(backlog.oldestSeconds).toBeGreaterThanOrEqual(0);
      await database.query(sql`update pending_document set due_at = now() - interval '1 second'`);
      expect(new Set((await pending.claim(2, 60_000)).map((one) => one.tenantId))).toEqual(new Set([tenantId, other]));
    });

    test("of one tenant leaves room for others, and what is put off takes none", async () => {
      const pending = pendingRepository(database);
      const other = await givenTenant(database);
      for (const [owner, count] of [[tenantId, 20] as const, [other, 3] as const]) {
        const collection = await givenCollection(database, owner);
        const many = Array.from({ length: count }, (_, index) => newDocument(`${index}`, ["text"]));
        await documentRepository(database).write(keyOf(collection), many);
      }
      await database.query(sql`delete from pending_document where tenant_id <> all (${[tenantId, other]}::uuid[])`);
      const claimed = await pending.claim(100, 60_000, 5);
      for (const turn of [claimed.slice(0, 2), claimed.slice(2, 4)]) {
        expect(new Set(turn.map((one) => one.tenantId))).toEqual(new Set([tenantId, other]));
      }
      const mine = claimed.filter((one) => one.tenantId === tenantId);
      expect([mine.length, claimed.length]).toEqual([5, 8]);
      expect(await pending.claim(100, 60_000, 5)).toEqual([]);
      expect((await pending.backlog(100)).claimed).toBe(8);
      await pending.postpone(other, mine, 60_000);
      await pending.postpone(tenantId, [{ ...mine[0], version: 9 } as PendingDocument], 60_000);
      expect((await pending.backlog(100)).claimed).toBe(8);
      await pending.postpone(tenantId, mine, 60_000);
      expect((await pending.backlog(100)).claimed).toBe(3);
      expect(await pending.claim(100, 60_000, 5)).toEqual([]);
      const next = await pending.claim(100, 60_000, 8);
      expect(next).toHaveLength(3);
      const taken = new Set(mine.map(({ documentId }) => documentId));
      expect(next.filter(({ documentId }) => taken.has(documentId))).toEqual([]);
    });

    test("a vector of a text that is gone is dropped, and a document is indexed with its last one", async () => {
      const pending = pendingRepository(database);
      const documents = documentRepository(database);
      const collection = await givenCollection(database, tenantId);
      const key = keyOf(collection);
      const before = newDocument("a", ["old"]);
      await documents.write(key, [before]);
      const after = newDocument("a", ["new", "newer"]);
      const [written] = await documents.write(key, [after]);
      const document = { collectionId: collection.id, documentId: written?.id as DocumentId, version: 2 };
      const vectorsOf = (ids: readonly (ChunkId | undefined)[]) =>
        ids.map((id) => ({ chunkId: id as ChunkId, vector: pointing(0) }));
      expect(await pending.findChunks(tenantId, [{ ...document, version: 1 }], 10)).toEqual([]);
      expect(await pending.findContents(tenantId, [document])).toEqual(new Map([[written?.id, "new\nnewer"]]));
      expect(await pending.writeVectors(key, vectorsOf([before.chunks[0]?.id, after.chunks[0]?.id]))).toEqual([]);
      const left = await pending.findChunks(tenantId, [document], 10);
      expect(left.map(({ content }) => content)).toEqual(["newer"]);
      const twice = vectorsOf([after.chunks[0]?.id, after.chunks[1]?.id]);
      expect(await pending.writeVectors(key, twice)).toEqual([written?.id]);
      expect(await pending.writeVectors(key, twice)).toEqual([]);
      const [found] = await Promise.all([
        searchRepository(database).vectors(collection, [twice[1]?.chunkId as ChunkId]),
      ]);
      expect([...found.values()]).toEqual([pointing(0)]);
    });

    test("of two that write vectors of one document at once, the second makes it indexed", async () => {
      const pending = pendingRepository(database);
      const collection = await givenCollection(database, tenantId);
      const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`);
      const document = newDocument("a", texts);
      await documentRepository(database).write(keyOf(collection), [document]);
      const vectors = document.chunks.map(({ id }) => ({ chunkId: id, vector: pointing(1) }));
      const halves = [vectors.slice(0, 10), vectors.slice(10)];
      const indexed = await Promise.all(halves.map((half) => pending.writeVectors(keyOf(collection), half)));
      expect(indexed.flat()).toEqual([document.id]);
    });

    test("what was given up says why, and is tried again when it is written again or redriven", async () => {
      const pending = pendingRepository(database);
      const documents = documentRepository(database);
      const collection = await givenCollection(database, tenantId);
      const key = keyOf(collection);
      const document = newDocument("a", ["text"]);
      await documents.write(key, [document]);
      const waiting = [{ collectionId: collection.id, documentId: document.id, version: 1 }];
      const error = { code: "invalid_argument", message: "refused" };
      await pending.fail(tenantId, [{ ...waiting[0], version: 2 } as (typeof waiting)[number]], error);
      expect(await documents.find(key, "a")).toMatchObject({ state: "pending" });
      await pending.fail(tenantId, waiting, error);
      expect(await documents.find(key, "a")).toMatchObject({ state: "failed", error });
      expect(await collectionRepository(database).counts(tenantId, collection.id)).toMatchObject({ failed: 1 });
      expect(await documents.write(key, [document])).toMatchObject([{ outcome: "unchanged" }]);
      expect(await documents.find(key, "a")).toMatchObject({ state: "pending" });
      await pending.fail(tenantId, waiting, error);
      expect(await pending.findChunks(tenantId, waiting, 10)).toHaveLength(1);
      const chunkId = document.chunks[0]?.id as ChunkId;
      expect(await pending.writeVectors(key, [{ chunkId, vector: pointing(0) }])).toEqual([document.id]);
      expect(await documents.find(key, "a")).toMatchObject({ state: "indexed" });
      await pending.fail(tenantId, waiting, error);
      expect(await documents.find(key, "a")).toMatchObject({ state: "indexed" });
    });

    test("what a model wrote about a chunk is found by text", async () => {
      const collection = await givenCollection(database, tenantId);
      const document = newDocument("a", ["It fell by half."]);
      await documentRepository(database).write(keyOf(collection), [document]);
      const chunkId = document.chunks[0]?.id as ChunkId;
      await pendingRepository(database).setContexts(keyOf(collection), new Map([[chunkId, "On revenues of 2023."]]));
      const { found } = await searchRepository(database).byText({
        collection,
        filter: undefined,
        limit: 1,
        explain: false,
        signal: AbortSignal.any([]),
        query: "revenue",
      });
      expect(found).toMatchObject([{ chunkId }]);
    });
  });
}
