import { type Hints, type Objects, type SqsQueue, startConsumer } from "@devmesh/adapters";
import type { Logger, Metrics } from "@devmesh/observability";
import type { Database, DeadMessages } from "@devmesh/repositories";
import type { WorkerConfig } from "./config.ts";
import { keepContexts } from "./contexts/keep-contexts.ts";
import { openContexts } from "./contexts/open-contexts.ts";
import type { DatabaseWatch } from "./database-watch.ts";
import { recordDeadLetters } from "./dead-letters/record-dead-letters.ts";
import type { KeptQueue } from "./dead-letters/run-redrive.ts";
import { createEmbeddingMessageHandler } from "./embedding/consume-embeddings.ts";
import { openEmbedding } from "./embedding/open-embedding.ts";
import { type Models, openModels } from "./embedding/open-models.ts";
import type { RelayPendingDeps } from "./embedding/relay-pending.ts";
import { keepImports } from "./imports/keep-imports.ts";
import { openImporting } from "./imports/open-imports.ts";
import { keepKnowledge } from "./knowledge/keep-knowledge.ts";
import type { WorkerQueue } from "./queue/open-queue.ts";

/** What memory stands on. Its caller opened it. */
export interface StartMemoryOptions {
  readonly config: WorkerConfig;
  readonly database: Database;
  readonly hints: Hints;
  readonly queue: WorkerQueue;
  /** `queue`, watched for health. */
  readonly received: SqsQueue;
  readonly objects: Objects | undefined;
  readonly deadMessages: DeadMessages;
  readonly watch: DatabaseWatch;
  readonly graceMs: number;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What every worker does for collections, at work; disposal ends it gracefully. */
export interface Memory extends AsyncDisposable {
  readonly models: Models;
  /** For the one worker that relays. */
  readonly relay: RelayPendingDeps;
  readonly keptQueue: KeptQueue;
}

/** In hand at a time, of 50 documents each at most. While a model has no room no more are received. Judgement. */
const maxMessages = 16;

/** Opens the models and starts what embeds and imports documents and keeps contexts and knowledge, until `signal` aborts. */
export async function startMemory(options: StartMemoryOptions): Promise<Memory> {
  await using opened = new AsyncDisposableStack();
  const { config, database, hints, queue, objects, metrics, logger, watch, signal, graceMs } = options;
  const redisUrl = config.stores?.redisUrl;
  const models = opened.use(openModels({ config: config.models, redisUrl, database, metrics }));
  const { claimMs } = config.embedding;
  const embedding = await openEmbedding({ database, hints, models, queue, claimMs, metrics, logger });
  opened.use(
    startConsumer({
      queue: recordDeadLetters(options.received, { store: options.deadMessages, queueName: queue.name }),
      handler: createEmbeddingMessageHandler({ ...embedding.documents, watch, logger }),
      concurrency: maxMessages,
      canReceive: () => watch.isUp,
      ...{ signal, graceMs, logger },
    }),
  );
  if (objects !== undefined) {
    const contexts = await openContexts({ database, hints, objects, models, metrics, logger });
    const kept = keepContexts(contexts, signal);
    opened.defer(() => kept);
    const imports = importDocuments(options, objects);
    opened.defer(() => imports);
  }
  const knowledge = keepKnowledge({ database, hints, models, logger }, signal);
  opened.defer(() => knowledge);
  const owned = opened.move();
  return {
    models,
    relay: embedding.relay,
    keptQueue: { ...queue, onMoved: embedding.onMoved },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Resolves when `signal` has aborted and the batch under way is written. */
async function importDocuments(options: StartMemoryOptions, objects: Objects): Promise<void> {
  const { config, database, hints, watch, signal, metrics, logger } = options;
  const { importLeaseMs: leaseMs } = config.embedding;
  const canWork = (): boolean => watch.isUp;
  await keepImports(await openImporting({ database, hints, objects, canWork, leaseMs, metrics, logger }), signal);
}
