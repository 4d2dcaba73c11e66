import { setImmediate as breathe } from "node:timers/promises";
import {
  addDocuments,
  createCollection,
  createEmbedder,
  embedDocuments,
  embedLocally,
  type RoutingEmbedder,
  searchCollections,
} from "@devmesh/embedding";
import { type Collection, parseFilter, searchModes, searchRequestSchema, type TenantId } from "@devmesh/models";
import {
  collectionRepository,
  type Database,
  documentRepository,
  pendingRepository,
  searchRepository,
  sql,
  usageLedger,
} from "@devmesh/repositories";
import { createUuidV7, monotonicClock, sleep } from "@devmesh/runtime";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";

const signal = new AbortController().signal;
const newId = createUuidV7();

const pages = [
  {
    externalId: "lanes",
    content: "Tasks with equal requirements share a lane; agents pull the best of it.",
    metadata: { year: 2024 },
  },
  {
    externalId: "leases",
    content: "When the lease of an assignment ends, another agent gets the task.",
    metadata: { year: 2025 },
  },
  { externalId: "bread", content: "Flour, water and salt become bread in a hot oven.", metadata: { year: 2026 } },
];

function openEmbedder(database: Database): RoutingEmbedder {
  const ledger = usageLedger(database);
  const clock = { now: monotonicClock, random: Math.random, sleep };
  return createEmbedder({ transports: [], caches: [], ledger, embedLocally, ...clock });
}

describeEachDriver("documents", (database) => {
  async function fill(): Promise<{ readonly collection: Collection; readonly embedder: RoutingEmbedder }> {
    const tenantId = newId() as TenantId;
    const db = database();
    await db.transaction({ role: "devmesh_engine" }, (tx) =>
      tx.query(sql`insert into tenant (id, name) values (${tenantId}, ${tenantId})`),
    );
    const embedder = openEmbedder(db);
    const collections = collectionRepository(db);
    const deps = { collections, embedder, newId, canWriteContexts: false, documents: documentRepository(db), breathe };
    const { made } = await createCollection(deps, { tenantId, body: { name: "docs" }, key: undefined });
    await addDocuments(deps, { tenantId, collection: made, documents: pages });
    return { collection: made, embedder };
  }

  async function embedAll({ tenantId }: Collection, embedder: RoutingEmbedder): Promise<void> {
    const pending = pendingRepository(database());
    const documents = (await pending.claim(100, 60_000)).filter((one) => one.tenantId === tenantId);
    const deps = {
      embedder,
      pending,
      collections: collectionRepository(database()),
      writeContexts: undefined,
      headroom: embedder.headroom,
      maxCharacters: () => 2_048,
      now: monotonicClock,
      sleep,
      random: () => 0,
      onDone: () => undefined,
      onBatch: () => undefined,
    };
    expect(await embedDocuments(deps, { tenantId, documents, signal })).toEqual(new Map());
  }

  async function search(
    collection: Collection,
    embedder: RoutingEmbedder,
    { filter, ...terms }: { readonly filter?: unknown; readonly mode?: string } = {},
  ): Promise<readonly string[]> {
    const asked = { collections: [collection.name], query: "who gets the task when a lease ends", ...terms };
    const { filter: _none, collections: _names, ...request } = searchRequestSchema.parse(asked);
    const deps = {
      searches: searchRepository(database()),
      embedder,
      now: monotonicClock,
      newEmbedTimeout: () => AbortSignal.timeout(10_000),
    };
    const order = { tenantId: collection.tenantId, collections: [collection], signal };
    const parsed = filter === undefined ? {} : { filter: parseFilter(filter) };
    const { hits } = await searchCollections(deps, { ...order, request: { ...request, ...parsed } });
    return hits.map(({ externalId }) => externalId);
  }

  test("are found by words at once, and by vector when they are embedded", async () => {
    const { collection, embedder } = await fill();
    expect((await search(collection, embedder, { mode: "text" }))[0]).toBe("leases");
    expect(await search(collection, embedder, { mode: "vector" })).toEqual([]);
    await embedAll(collection, embedder);
    for (const mode of searchModes) expect((await search(collection, embedder, { mode }))[0]).toBe("leases");
  });

  test("are found by what a filter leaves of them", async () => {
    const { collection, embedder } = await fill();
    await embedAll(collection, embedder);
    const filter = { and: [{ field: "year", gte: 2024, lt: 2026 }, { not: { field: "year", eq: 2025 } }] };
    expect(await search(collection, embedder, { mode: "vector", filter })).toEqual(["lanes"]);
    expect(await search(collection, embedder, { filter: { field: "year", in: [2026, "2025"] } })).toEqual(["bread"]);
  });
});
