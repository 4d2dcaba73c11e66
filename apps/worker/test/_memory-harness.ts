import { randomUUID } from "node:crypto";
import { type Objects, openObjects, type SqsQueue, startConsumer } from "@devmesh/adapters";
import { type EmbedDocumentsDeps, embedLocally, planCollection, prepareDocuments } from "@devmesh/embedding";
import {
  AppError,
  type Collection,
  type CollectionCounts,
  type ImportId,
  type ImportJob,
  newCollectionSchema,
  type TenantId,
} from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  collectionRepository,
  type Database,
  deadMessages,
  documentRepository,
  importJobs,
  keyRepository,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  pendingRepository,
  searchRepository,
  snapshotPglite,
} from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";
import { openTestDatabase } from "@devmesh/testing";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { keepDeadLetters } from "../src/dead-letters/keep-dead-letters.ts";
import { openDeadLetters } from "../src/dead-letters/open-dead-letters.ts";
import { recordDeadLetters } from "../src/dead-letters/record-dead-letters.ts";
import { createEmbeddingMessageHandler } from "../src/embedding/consume-embeddings.ts";
import { openEmbedding } from "../src/embedding/open-embedding.ts";
import { relayPending } from "../src/embedding/relay-pending.ts";
import { keepImports } from "../src/imports/keep-imports.ts";
import { openImporting } from "../src/imports/open-imports.ts";
import { openEmbeddingsQueue, type WorkerQueue } from "../src/queue/open-queue.ts";

/** A model that answers as a test wants, and vectors of the local one. */
export interface Model {
  /** Called before each batch: throwing is the model's failure, a list is of refusals by text. */
  before: (texts: readonly string[], tenantId: TenantId) => Promise<void> | void;
  readonly calls: { readonly tenantId: TenantId; readonly texts: readonly string[] }[];
}

/** What a worker does for collections, on a real database and a stand-in for SQS and S3. */
export interface MemoryHarness extends AsyncDisposable {
  readonly database: Database;
  readonly aws: FauxqsServer;
  readonly queue: WorkerQueue;
  readonly objects: Objects;
  readonly model: Model;
  createTenant(): Promise<TenantId>;
  createCollection(tenantId: TenantId, asked?: object): Promise<Collection>;
  add(collection: Collection, documents: readonly object[]): Promise<void>;
  counts(collection: Collection): Promise<CollectionCounts>;
  /** How many chunks are found by vector. */
  findable(collection: Collection): Promise<number>;
  startImport(collection: Collection, lines: readonly unknown[]): Promise<ImportId>;
  job(collection: Collection, id: ImportId): Promise<ImportJob>;
  /** What each worker does, and what one at a time does. */
  startWorker(options?: { readonly relays?: boolean; readonly claimMs?: number; readonly leaseMs?: number }): Promise<{
    /** Ends it in order. */
    stop(): Promise<void>;
  }>;
  count(queue: "devmesh-embeddings" | "devmesh-embeddings-dlq"): number;
}

const logger = createLogger({ level: "silent", service: "worker" });
const region = "us-east-1";

export async function openMemoryHarness(): Promise<MemoryHarness> {
  await using stack = new AsyncDisposableStack();
  const database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
  const aws = stack.adopt(await startFauxqs({ port: 0, logger: false }), (server) => server.stop());
  const endpoint = `http://127.0.0.1:${aws.port}`;
  const queue = stack.use(openEmbeddingsQueue({ region, endpoint, queueUrl: undefined, deadLetterUrl: undefined }));
  const objects = stack.use(openObjects({ bucket: "memory", region, endpoint }));
  await objects.ensureBucket();
  const model: Model = { before: () => undefined, calls: [] };
  const embedder = toEmbedder(model);
  const [collections, documents, jobs] = [
    collectionRepository(database),
    documentRepository(database),
    importJobs(database),
  ];
  const newId = randomUUID;
  const running = new Set<() => Promise<void>>();
  stack.defer(async () => {
    await Promise.all([...running].map((stop) => stop()));
  });
  const owned = stack.move();
  return {
    ...{ database, aws, queue, objects, model },
    createTenant: async () => {
      const id = randomUUID() as TenantId;
      await keyRepository(database).createTenant({ id, name: id });
      return id;
    },
    createCollection: async (tenantId, asked = {}) => {
      const body = newCollectionSchema.parse({
        name: `c-${randomUUID()}`,
        model: "local.feature-hashing-v1",
        ...asked,
      });
      const planned = planCollection(
        { embedder, newId, canWriteContexts: true },
        { tenantId, kind: "user", asked: body },
      );
      return (await collections.create(planned, { max: 100 })).made;
    },
    add: async (collection, items) => {
      const prepared = await prepareDocuments(
        { newId, breathe: async () => undefined },
        { collection, documents: items },
      );
      if (prepared.problems.size > 0) throw [...prepared.problems.values()][0];
      const ref = { tenantId: collection.tenantId, collectionId: collection.id };
      await documents.write(ref, [...prepared.writes.values()]);
    },
    counts: ({ tenantId, id }) => collections.counts(tenantId, id),
    findable: async (collection) => {
      const [vector] = embedLocally(["text"], 256);
      if (vector === undefined) throw new Error("no vector");
      const signal = new AbortController().signal;
      const asked = { collection, filter: undefined, limit: 100, explain: false, signal, efSearch: undefined, vector };
      return (await searchRepository(database).byVector(asked)).found.length;
    },
    startImport: async ({ tenantId, id: collectionId }, lines) => {
      const key = `imports/${tenantId}/${randomUUID()}`;
      const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
      const { etag, size } = await objects.put(key, toParts(text), {
        mediaType: "application/x-ndjson",
        maxBytes: 1e9,
      });
      const id = randomUUID() as string as ImportId;
      return (await jobs.create(tenantId, { id, collectionId, key, etag, size })).made.id;
    },
    job: async ({ tenantId }, id) => {
      const job = await jobs.find(tenantId, id);
      if (job === undefined) throw new Error(`no import ${id}`);
      return job;
    },
    startWorker: async ({ relays = true, claimMs = 60_000, leaseMs = 2_000 } = {}) => {
      const worker = await runWorker({ database, queue, objects, embedder, relays, claimMs, leaseMs });
      running.add(worker.stop);
      return worker;
    },
    count: (name) => {
      const messages = aws.inspectQueue(name)?.messages;
      return (messages?.ready.length ?? 0) + (messages?.inflight.length ?? 0) + (messages?.delayed.length ?? 0);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function* toParts(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

type FakeEmbedder = EmbedDocumentsDeps["embedder"] & {
  listModels(): [];
  headroom(): { retryAfterMs: number };
  resolve(): { model: string; dimensions: 256 };
};

function toEmbedder(model: Model): FakeEmbedder {
  const id = "local.feature-hashing-v1";
  return {
    listModels: () => [],
    headroom: () => ({ retryAfterMs: 0 }),
    resolve: () => ({ model: id, dimensions: 256 }),
    embed: async ({ texts, tenantId, signal }) => {
      model.calls.push({ tenantId, texts });
      await model.before(texts, tenantId);
      signal.throwIfAborted();
      const local = embedLocally(texts, 256);
      const vectors = texts.map((text, index) =>
        text.includes("refused")
          ? new AppError("invalid_argument", "the model refuses it")
          : (local[index] ?? new Float32Array()),
      );
      return { model: id, dimensions: 256, vectors, usage: {} as never, reused: 0 };
    },
  };
}

interface WorkerParts {
  readonly database: Database;
  readonly queue: WorkerQueue;
  readonly objects: Objects;
  readonly embedder: FakeEmbedder;
  readonly relays: boolean;
  readonly claimMs: number;
  readonly leaseMs: number;
}

/** Hints are lost in it: what nobody tells is found by looking. Looks are quick here. */
async function runWorker(parts: WorkerParts): Promise<{ stop(): Promise<void> }> {
  const { database, queue, objects, embedder, claimMs, leaseMs } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  const metrics = createMetrics("worker");
  const wakes: (() => void)[] = [];
  const listen = async (wake: (news: never) => void) => {
    wakes.push(() => wake(undefined as never));
    return () => Promise.resolve();
  };
  const wakeAll = (): void => {
    for (const wake of wakes) wake();
  };
  const hints = {
    ...{ onEmbeddings: listen, onCollectionsChanged: listen, onImports: listen, onRedrives: listen },
    ...{ nudgeEmbeddings: wakeAll, nudgeImports: wakeAll, collectionsChanged: wakeAll, nudgeOutbox: wakeAll },
  };
  const models = { embedder, claude: undefined } as never;
  const store = deadMessages(database);
  const embedding = await openEmbedding({ database, hints, models, queue, claimMs, metrics, logger });
  const watch = { isUp: true, noteFailure: () => undefined };
  const consumer = startConsumer({
    queue: recordDeadLetters<SqsQueue>(queue, { store, queueName: queue.name }),
    handler: createEmbeddingMessageHandler({ ...embedding.documents, watch, logger }),
    waitTimeSeconds: 1,
    // what the stand-in hands to the poll of a worker that has stopped comes again soon
    visibilityTimeoutSeconds: 2,
    graceMs: 500,
    ...{ signal, logger },
  });
  const nudges = { imports: createNudge() };
  const opening = { database, hints, objects, nudges, metrics, logger };
  const importing = await openImporting({ ...opening, canWork: () => true, leaseMs });
  const engine = { redrive: () => Promise.reject(new Error("no task is redriven here")) };
  const queues = [{ ...queue, onMoved: embedding.onMoved }];
  const letters = await openDeadLetters({ database, hints, engine, queues, metrics, logger });
  const waking = setInterval(wakeAll, 100);
  const works = [keepImports(importing, signal)];
  if (parts.relays) works.push(relayPending(embedding.relay, signal), keepDeadLetters(letters, signal));
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all([...works, consumer[Symbol.asyncDispose]()]);
      clearInterval(waking);
    },
  };
}

/** What is pending, for tests that do by hand what a worker that dies began. */
export const pendingOf = pendingRepository;
