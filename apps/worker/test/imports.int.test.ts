import type { Collection } from "@devmesh/models";
import { importJobs, openImports, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MemoryHarness, openMemoryHarness } from "./_memory-harness.ts";

let it: MemoryHarness;
let stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  it = await openMemoryHarness();
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
});
afterAll(() => it[Symbol.asyncDispose]());

async function startWorker(options: Parameters<MemoryHarness["startWorker"]>[0] = {}): Promise<void> {
  const worker = await it.startWorker(options);
  stops.push(worker.stop);
}

async function newCollection(): Promise<Collection> {
  return it.createCollection(await it.createTenant(), { dimensions: 256 });
}

const toDocument = (n: number, content = "text") => ({
  externalId: `d${n}`,
  content: `${content} ${n}`,
  metadata: { n },
});
const toDocuments = (count: number) => Array.from({ length: count }, (_, n) => toDocument(n));

const over = (collection: Collection, id: Awaited<ReturnType<MemoryHarness["startImport"]>>) =>
  waitFor(async () => {
    const job = await it.job(collection, id);
    return job.finishedAt !== undefined && job;
  });

describe("an import", () => {
  test("brings all that is a document, and names the lines that are none", async () => {
    const collection = await newCollection();
    const lines = [toDocument(1), "{bad", { externalId: "x" }, "", toDocument(2), toDocument(1, "later wins")];
    const id = await it.startImport(collection, lines);
    await startWorker();
    const job = await over(collection, id);
    expect(job).toMatchObject({ state: "completed", lines: 6, offset: job.size });
    expect(job.counts).toEqual({ created: 2, updated: 1, unchanged: 0, changed: 0, failed: 2 });
    expect(job.errors.map(({ line, error }) => [line, error.code])).toEqual([
      [2, "invalid_argument"],
      [3, "invalid_argument"],
    ]);
    const again = await over(collection, await it.startImport(collection, [toDocument(2), toDocument(3)]));
    expect(again.counts).toMatchObject({ created: 1, unchanged: 1 });
    await waitFor(async () => (await it.counts(collection)).pending === 0);
  });

  test("that its worker left in the middle is carried on by another: each line counts once", async () => {
    const collection = await newCollection();
    const id = await it.startImport(collection, toDocuments(1_000));
    const imports = openImports(it.database);
    // the one that dies: it wrote a batch, and is heard of no more
    const claimed = await imports.claim("00000000-0000-7000-8000-000000000001", 60_000);
    if (claimed === undefined) throw new Error("nothing to claim");
    expect(await imports.claim("00000000-0000-7000-8000-000000000002", 60_000)).toBeUndefined();
    await run(sql`update import_job set due_at = now() - interval '1 second' where id = ${id}`);
    await startWorker();
    const job = await over(collection, id);
    expect(job).toMatchObject({ state: "completed", counts: { created: 1_000, updated: 0, unchanged: 0 } });
    const progressOf = () => ({ ...job, offset: 0, counts: { ...job.counts, created: 0 } });
    await expect(imports.write(claimed, { documents: [], progressOf }, 500)).rejects.toMatchObject({
      reason: "lease_lost",
    });
    expect(await it.counts(collection)).toMatchObject({ documents: 1_000 });
  });

  test("leaves alone what somebody else has written since it began", async () => {
    const collection = await newCollection();
    const id = await it.startImport(collection, toDocuments(3));
    await run(sql`update import_job set started_at = now() - interval '1 hour' where id = ${id}`);
    await it.add(collection, [{ externalId: "d1", content: "by somebody else" }]);
    await startWorker();
    const job = await over(collection, id);
    expect(job.counts).toMatchObject({ created: 2, changed: 1 });
    expect(job.errors).toMatchObject([{ line: 2, error: { code: "conflict", reason: "document_changed" } }]);
  });

  test("of an object that changes fails, and one of a collection that is deleted", async () => {
    const [changed, deleted] = [await newCollection(), await newCollection()];
    const ids = [await it.startImport(changed, toDocuments(2)), await it.startImport(deleted, toDocuments(2))] as const;
    await run(sql`update import_job set etag = '"other"' where id = ${ids[0]}`);
    await run(sql`update collection set deleted_at = now() where id = ${deleted.id}`);
    await startWorker();
    expect(await over(changed, ids[0])).toMatchObject({ state: "failed", error: { code: "conflict" } });
    expect(await over(deleted, ids[1])).toMatchObject({ state: "failed", error: { code: "not_found" } });
  });

  test("is cancelled at once while it waits, and after a batch while it runs", async () => {
    const collection = await newCollection();
    const jobs = importJobs(it.database);
    const waiting = await it.startImport(collection, toDocuments(1));
    expect(await jobs.cancel(collection.tenantId, waiting)).toMatchObject({ state: "cancelled" });
    const running = await it.startImport(collection, toDocuments(5_000));
    await startWorker({ relays: false });
    await waitFor(async () => (await it.job(collection, running)).counts.created > 0);
    await jobs.cancel(collection.tenantId, running);
    const job = await over(collection, running);
    expect(job.state).toBe("cancelled");
    expect(job.counts.created).toBeLessThan(5_000);
    expect(await it.counts(collection)).toMatchObject({ documents: job.counts.created });
    expect(await jobs.cancel(collection.tenantId, running)).toMatchObject({ state: "cancelled" });
  });
});

async function run(statement: ReturnType<typeof sql>): Promise<void> {
  await it.database.queryAs({ role: "devmesh_engine" }, statement);
}
