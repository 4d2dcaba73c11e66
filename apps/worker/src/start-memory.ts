import { type Hints, type Objects, type SqsQueue, startConsumer } from "@devmesh/adapters";
import { type Models, openModels } from "@devmesh/memory";
import type { Logger, Metrics } from "@devmesh/observability";
import { type Database, type DeadMessages, findMemoryDue, type MemoryDue } from "@devmesh/repositories";
import { createNudge, type Nudge } from "@devmesh/runtime";
import type { WorkerConfig } from "./config.ts";
import { keepContexts } from "./contexts/keep-contexts.ts";
import { openContexts } from "./contexts/open-contexts.ts";
import type { DatabaseWatch } from "./database-watch.ts";
import { recordDeadLetters } from "./dead-letters/record-dead-letters.ts";
import type { KeptQueue } from "./dead-letters/run-redrive.ts";
import { createEmbeddingMessageHandler } from "./embedding/consume-embeddings.ts";
import { openEmbedding } from "./embedding/open-embedding.ts";
import type { RelayPendingDeps } from "./embedding/relay-pending.ts";
import { keepImports } from "./imports/keep-imports.ts";
import { openImporting } from "./imports/open-imports.ts";
import { keepKnowledge } from "./knowledge/keep-knowledge.ts";
import { lookForMemory } from "./look-for-memory.ts";
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
  const { config, database, hints, queue, metrics, logger, watch, signal, graceMs } = options;
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
  const kept = await keepMemory(options, { models, documents: embedding.relay.nudge });
  opened.defer(async () => void (await kept.ended));
  const owned = opened.move();
  return {
    models,
    relay: embedding.relay,
    keptQueue: { ...queue, onMoved: embedding.onMoved },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts what waits in the database for any worker. `ended` when `signal` has aborted and what was in hand is written. */
async function keepMemory(
  options: StartMemoryOptions,
  { models, documents }: { readonly models: Models; readonly documents: Nudge },
): Promise<{ readonly ended: Promise<unknown> }> {
  const { config, database, hints, objects, watch, signal, metrics, logger } = options;
  const nudges = {
    documents,
    digests: createNudge(),
    removals: createNudge(),
    imports: createNudge(),
    entries: createNudge(),
  };
  const findDue = (): Promise<MemoryDue> =>
    findMemoryDue(database).catch((error: unknown) => {
      watch.noteFailure(error);
      throw error;
    });
  const { importLeaseMs: leaseMs } = config.embedding;
  const loops = [
    keepKnowledge({ database, hints, models, nudge: nudges.entries, logger }, signal),
    lookForMemory({ findDue, nudges, leaseMs, logger }, signal),
  ];
  if (objects !== undefined) {
    const opening = { database, hints, objects, nudges, metrics, logger };
    const [contexts, importing] = await Promise.all([
      openContexts({ ...opening, models }),
      openImporting({ ...opening, canWork: () => watch.isUp, leaseMs }),
    ]);
    loops.push(keepContexts(contexts, signal), keepImports(importing, signal));
  }
  return { ended: Promise.all(loops) };
}
