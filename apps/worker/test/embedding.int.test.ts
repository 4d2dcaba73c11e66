import { encodeEmbeddingMessage, toEmbeddingMessages } from "@devmesh/embedding";
import { AppError, type Collection } from "@devmesh/models";
import { deadLetterReads, deadLetterWrites, documentRepository } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type MemoryHarness, openMemoryHarness, pendingOf } from "./_memory-harness.ts";

let it: MemoryHarness;
let stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  it = await openMemoryHarness();
});
beforeEach(() => {
  it.model.before = () => undefined;
  it.model.calls.splice(0);
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

const documents = (count: number, content = "text of agents"): object[] =>
  Array.from({ length: count }, (_, n) => ({ externalId: `d${n}`, content: `${content} ${n}` }));

async function newCollection(): Promise<Collection> {
  return it.createCollection(await it.createTenant(), { dimensions: 256 });
}

const settled = (collection: Collection) =>
  waitFor(async () => {
    const counts = await it.counts(collection);
    return counts.pending === 0 && counts;
  });

describe("documents", () => {
  // the first of all: the stand-in would hand messages to the poll of a worker that has stopped, and mix up their order
  test("of tenants go in turn: one with many doesn't keep another waiting", async () => {
    const [many, few] = [await newCollection(), await newCollection()];
    await it.add(many, documents(900));
    await it.add(few, documents(2));
    const order: string[] = [];
    it.model.before = (_texts, tenantId) => void order.push(tenantId);
    await startWorker();
    await settled(few);
    await settled(many);
    expect(order.indexOf(few.tenantId)).toBeLessThan(4);
  });

  test("are found by vector in the end, those of several messages embedded together", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(120));
    await startWorker();
    expect(await settled(collection)).toMatchObject({ documents: 120, pending: 0, failed: 0 });
    expect(await it.findable(collection)).toBe(100);
    expect(Math.max(...it.model.calls.map(({ texts }) => texts.length))).toBeGreaterThan(50);
    await waitFor(() => it.count("devmesh-embeddings") === 0);
  });

  test("of a worker that died between two writes are embedded by another, and nothing twice", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(40));
    const pending = pendingOf(it.database);
    const claimed = await pending.claim(100, 60_000);
    await it.queue.sendBatch(
      toEmbeddingMessages(claimed).map((one) => ({ id: "1", body: encodeEmbeddingMessage(one) })),
    );
    const taken = { maxMessages: 1, waitTimeSeconds: 5, visibilityTimeoutSeconds: 1 };
    // the dying one: it took the message, and wrote some of the vectors
    const { signal } = new AbortController();
    await waitFor(async () => (await it.queue.receive({ ...taken, signal })).length === 1);
    const chunks = await pending.findChunks(collection.tenantId, claimed, 15);
    const ref = { tenantId: collection.tenantId, collectionId: collection.id };
    const vector = new Float32Array(256).fill(1 / 16);
    await pending.writeVectors(
      ref,
      chunks.map(({ id: chunkId }) => ({ chunkId, vector })),
    );
    await startWorker();
    expect(await settled(collection)).toMatchObject({ documents: 40, pending: 0, failed: 0 });
    expect(it.model.calls.flatMap(({ texts }) => texts)).toHaveLength(25);
  });

  test("whose message was lost are sent again when their claims run out", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(3));
    expect(await pendingOf(it.database).claim(100, 500)).toHaveLength(3);
    await startWorker();
    expect(await settled(collection)).toMatchObject({ pending: 0, failed: 0 });
  });

  test("that the model refuses fail alone", async () => {
    const collection = await newCollection();
    await it.add(collection, [...documents(5), { externalId: "bad", content: "refused" }]);
    await startWorker();
    expect(await settled(collection)).toMatchObject({ documents: 6, failed: 1 });
    const ref = { tenantId: collection.tenantId, collectionId: collection.id };
    expect(await documentRepository(it.database).find(ref, "bad")).toMatchObject({
      state: "failed",
      error: { code: "invalid_argument", message: "the model refuses it" },
    });
    expect(it.count("devmesh-embeddings-dlq")).toBe(0);
  });

  test("wait while the model is throttled, and none is lost", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(60));
    let isThrottled = true;
    it.model.before = () => {
      if (isThrottled)
        throw new AppError("resource_exhausted", "slow down", { reason: "throttled", retryAfterMs: 100 });
    };
    await startWorker();
    await waitFor(() => it.model.calls.length > 5);
    expect(await it.counts(collection)).toMatchObject({ pending: 60, failed: 0 });
    isThrottled = false;
    expect(await settled(collection)).toMatchObject({ pending: 0, failed: 0 });
    expect(it.count("devmesh-embeddings-dlq")).toBe(0);
  });
});

describe("a message that is given up", () => {
  test("fails its documents, is a dead letter, and its redrive embeds them", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(2));
    it.model.before = () => {
      throw new AppError("unavailable", "the model is away", { retryAfterMs: 50 });
    };
    await startWorker();
    const counts = await waitFor(async () => {
      const now = await it.counts(collection);
      return now.failed === 2 && now;
    });
    expect(counts).toMatchObject({ pending: 0, failed: 2 });
    const reads = deadLetterReads(it.database);
    const [letter] = await waitFor(async () => {
      const found = await reads.list([collection.tenantId], {}, { limit: 10, after: undefined });
      return found.length === 1 && found;
    });
    expect(letter).toMatchObject({ queue: "devmesh-embeddings", reason: "unavailable", message: "the model is away" });
    it.model.before = () => undefined;
    const order = { by: collection.id as never, force: false };
    await deadLetterWrites(it.database).claimMessages([collection.tenantId], [letter?.id ?? ""], order);
    await waitFor(async () => (await it.counts(collection)).failed === 0);
    expect(await it.findable(collection)).toBe(2);
  });

  test("by SQS itself fails its documents, too: they are not sent for ever", async () => {
    const collection = await newCollection();
    await it.add(collection, documents(1));
    const claimed = await pendingOf(it.database).claim(10, 60_000);
    const [message] = toEmbeddingMessages(claimed);
    if (message === undefined) throw new Error("nothing was claimed");
    it.aws.sendMessage("devmesh-embeddings-dlq", encodeEmbeddingMessage(message));
    await startWorker();
    await waitFor(async () => (await it.counts(collection)).failed === 1);
  });
});
