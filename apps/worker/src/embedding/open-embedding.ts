import type { Hints } from "@devmesh/adapters";
import { type EmbedDocumentsDeps, type PendingStore, parseEmbeddingMessage, writeContexts } from "@devmesh/embedding";
import type { Models } from "@devmesh/memory";
import type { Logger, Metrics } from "@devmesh/observability";
import { collectionRepository, type Database, pendingRepository } from "@devmesh/repositories";
import { createNudge, monotonicClock, sleep } from "@devmesh/runtime";
import type { WorkerQueue } from "../queue/open-queue.ts";
import type { RelayPendingDeps } from "./relay-pending.ts";

export interface OpenEmbeddingOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, "onEmbeddings" | "onCollectionsChanged" | "collectionsChanged">;
  readonly models: Models;
  readonly queue: Pick<WorkerQueue, "sendBatch">;
  readonly claimMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The pipeline's parts. */
export interface Embedding {
  /** For every worker: what handles messages. */
  readonly documents: EmbedDocumentsDeps;
  /** For one worker at a time. */
  readonly relay: RelayPendingDeps;
  /** Gives up the documents of messages that SQS itself has buried. */
  readonly onMoved: (bodies: readonly string[]) => Promise<void>;
}

const chunkBuckets = [1, 4, 16, 48, 96, 192, 288, 384];

/** Wires the pipeline: its stores, metrics, and the hints that wake it and that it gives. */
export async function openEmbedding(options: OpenEmbeddingOptions): Promise<Embedding> {
  const { database, hints, models, queue, claimMs, metrics, logger } = options;
  const pending = pendingRepository(database);
  const { claude, embedder } = models;
  const onDone = createOnDone(options);
  const batches = metrics.histogram({
    name: "devmesh_embedding_batch_chunks",
    help: "chunks that were embedded together",
    buckets: chunkBuckets,
  });
  const limits = new Map(embedder.listModels().map(({ id, limits: { maxCharacters } }) => [id, maxCharacters]));
  const nudge = createNudge();
  await hints.onEmbeddings(() => nudge.nudge());
  await hints.onCollectionsChanged(() => nudge.nudge());
  return {
    documents: {
      embedder,
      pending,
      collections: collectionRepository(database),
      writeContexts: claude && ((request) => writeContexts(claude, request)),
      maxCharacters: (model) => limits.get(model) ?? Number.POSITIVE_INFINITY,
      headroom: (model) => embedder.headroom(model),
      now: monotonicClock,
      sleep,
      random: Math.random,
      onDone,
      onBatch: (chunks) => batches.observe(chunks),
    },
    relay: { pending, queue, nudge, claimMs, logger, ...createRelayMetrics(metrics) },
    onMoved: (bodies) => failBuried(bodies, { pending, onDone }),
  };
}

function createOnDone({ metrics, hints }: OpenEmbeddingOptions): EmbedDocumentsDeps["onDone"] {
  const counted = metrics.counter({
    name: "devmesh_documents_embedded_total",
    help: "documents that are found by vector now, and those that were given up",
    labels: ["outcome"] as const,
  });
  return ({ collection, indexed, failed }) => {
    counted.inc({ outcome: "indexed" }, indexed);
    counted.inc({ outcome: "failed" }, failed);
    if (indexed + failed > 0) hints.collectionsChanged([collection]);
  };
}

function createRelayMetrics(metrics: Metrics): Pick<RelayPendingDeps, "onLag" | "sent"> {
  const lag = metrics.gauge({
    name: "devmesh_embedding_lag_seconds",
    help: "how long the oldest document waits for its vectors, as the worker that relays last saw it",
  });
  return {
    onLag: (seconds) => lag.set(seconds),
    sent: metrics.counter({
      name: "devmesh_embedding_messages_total",
      help: "messages about documents that wait, by whether SQS took them",
      labels: ["outcome"] as const,
    }),
  };
}

/** Workers died of them, or never settled them: the documents would be sent again and again. */
async function failBuried(
  bodies: readonly string[],
  { pending, onDone }: { readonly pending: Pick<PendingStore, "fail">; readonly onDone: EmbedDocumentsDeps["onDone"] },
): Promise<void> {
  for (const body of bodies) {
    const message = tryParse(body);
    if (message === undefined) continue;
    const error = { code: "unavailable", message: "received five times, and never finished" };
    const { tenantId, documents } = message;
    await pending.fail(tenantId, documents, error);
    for (const { collectionId } of documents) onDone({ collection: { tenantId, collectionId }, indexed: 0, failed: 1 });
  }
}

function tryParse(body: string): ReturnType<typeof parseEmbeddingMessage> | undefined {
  try {
    return parseEmbeddingMessage(body);
  } catch {
    return undefined; // no message of ours: it names no documents
  }
}
