import { randomUUID } from "node:crypto";
import { planCollection, prepareDocuments } from "@devmesh/embedding";
import {
  type Collection,
  type DocumentWrite,
  type ImportId,
  type ImportProgress,
  newCollectionSchema,
  type TenantId,
} from "@devmesh/models";
import {
  collectionRepository,
  type Database,
  importJobs,
  keyRepository,
  type OpenImport,
  openImports,
  sql,
} from "@devmesh/repositories";
import { describe, expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";

const leaseMs = 60_000;
const page = { limit: 10, after: undefined };
const resolve = () => ({ model: "local.feature-hashing-v1", dimensions: 256 }) as const;

async function createTenant(database: Database): Promise<TenantId> {
  const id = randomUUID() as TenantId;
  await keyRepository(database).createTenant({ id, name: id });
  return id;
}

async function createCollection(database: Database, tenantId: TenantId): Promise<Collection> {
  const asked = newCollectionSchema.parse({ name: `c-${randomUUID()}` });
  const embedder = { resolve, embed: () => expect.unreachable(), listModels: () => [] };
  const deps = { embedder, newId: randomUUID, canWriteContexts: false };
  return (
    await collectionRepository(database).create(planCollection(deps, { tenantId, kind: "user", asked }), { max: 9 })
  ).made;
}

async function start(database: Database, { tenantId, id: collectionId }: Collection): Promise<ImportId> {
  const id = randomUUID() as string as ImportId;
  await importJobs(database).create(tenantId, { id, collectionId, key: "k", etag: "e", size: 9 });
  return id;
}

async function toWrites(collection: Collection, externalId: string): Promise<readonly DocumentWrite[]> {
  const deps = { newId: randomUUID, breathe: async () => undefined };
  const prepared = await prepareDocuments(deps, { collection, documents: [{ externalId, content: "text" }] });
  return [...prepared.writes.values()];
}

/** Claims until it is the one that is meant: other tests have imports of their own. */
async function claim(database: Database, id: ImportId): Promise<OpenImport> {
  const imports = openImports(database);
  for (let tries = 0; tries < 100; tries++) {
    const claimed = await imports.claim(randomUUID(), leaseMs);
    if (claimed?.job.id === id) return claimed;
  }
  throw new Error(`${id} can't be claimed`);
}

const progressOf =
  ({ job }: OpenImport) =>
  (): ImportProgress => ({
    ...job,
    offset: 9,
    lines: 1,
    counts: { ...job.counts, created: 1 },
  });

describeEachDriver("imports", (database) => {
  test("are their tenant's alone, and at most twenty at a time", async () => {
    const [mine, other] = [await createTenant(database()), await createTenant(database())];
    const collection = await createCollection(database(), mine);
    const ids = await Promise.all(Array.from({ length: 20 }, () => start(database(), collection)));
    await expect(start(database(), collection)).rejects.toMatchObject({ code: "resource_exhausted" });
    const jobs = importJobs(database());
    const [id] = ids;
    if (id === undefined) throw new Error("no import");
    expect(await jobs.find(other, id)).toBeUndefined();
    expect(await jobs.cancel(other, id)).toBeUndefined();
    expect(await jobs.list(other, collection.id, page)).toEqual([]);
    expect(await jobs.cancel(mine, id)).toMatchObject({ state: "cancelled" });
    expect(await jobs.list(mine, collection.id, { ...page, limit: 50 })).toHaveLength(20);
    await start(database(), collection);
  });

  describe("a batch", () => {
    test("is written with how far the import is; whoever has lost the import writes neither", async () => {
      const collection = await createCollection(database(), await createTenant(database()));
      const id = await start(database(), collection);
      const [imports, jobs] = [openImports(database()), importJobs(database())];
      const lost = await claim(database(), id);
      await database().queryAs(
        { role: "devmesh_engine" },
        sql`update import_job set due_at = now() - interval '1 second' where id = ${id}`,
      );
      const holder = await claim(database(), id);
      expect(holder.tries).toBe(2);
      const late = { documents: await toWrites(collection, "late"), progressOf: progressOf(lost) };
      await expect(imports.write(lost, late, leaseMs)).rejects.toMatchObject({ reason: "lease_lost" });
      expect(await collectionRepository(database()).counts(collection.tenantId, collection.id)).toMatchObject({
        documents: 0,
      });
      const batch = { documents: await toWrites(collection, "a"), progressOf: progressOf(holder) };
      expect(await imports.write(holder, batch, leaseMs)).toBe(true);
      expect(await jobs.find(collection.tenantId, id)).toMatchObject({ offset: 9, lines: 1, counts: { created: 1 } });
      expect(await collectionRepository(database()).counts(collection.tenantId, collection.id)).toMatchObject({
        documents: 1,
      });
      await jobs.cancel(collection.tenantId, id);
      expect(await imports.write(holder, { documents: [], progressOf: progressOf(holder) }, leaseMs)).toBe(false);
      await imports.finish(holder, "cancelled");
      expect(await jobs.find(collection.tenantId, id)).toMatchObject({ state: "cancelled" });
      await imports.finish(holder, "completed");
      expect(await jobs.find(collection.tenantId, id)).toMatchObject({ state: "cancelled" });
    });
  });
});
