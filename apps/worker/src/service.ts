import { once } from "node:events";
import { createHints, type FanOut, type Objects, type Presence, startConsumer } from "@devmesh/adapters";
import { nodeTimes } from "@devmesh/agents";
import { createMetrics, type Logger, type Metrics } from "@devmesh/observability";
import { type Database, deadMessages, findQueuedLanes, ledgerStore } from "@devmesh/repositories";
import { createUuidV7, monotonicClock, serveHttp } from "@devmesh/runtime";
import { createTaskEngine, openOutputSchemas } from "@devmesh/tasks";
import { runBackground } from "./background.ts";
import type { WorkerConfig } from "./config.ts";
import { watchDatabase } from "./database-watch.ts";
import { recordDeadLetters } from "./dead-letters/record-dead-letters.ts";
import { createTaskMessageHandler } from "./queue/consume-tasks.ts";
import { observeQueue } from "./queue/observe-queue.ts";
import type { WorkerQueue } from "./queue/open-queue.ts";
import { startMemory } from "./start-memory.ts";
import { createWorkerHealth } from "./worker-health.ts";

/** What the worker works on. Its caller opened it, may share it, and closes it. */
export interface WorkerResources {
  readonly database: Database;
  readonly fanOut: FanOut;
  /** Where nodes of the MCP server say that they live. Without it their leases in the database alone count. */
  readonly presence?: Presence | undefined;
  /** The queue `devmesh-tasks`. */
  readonly tasksQueue: WorkerQueue;
  /** The queue `devmesh-embeddings`. */
  readonly embeddingsQueue: WorkerQueue;
  /** Undefined where there is no bucket: nothing is imported. */
  readonly objects?: Objects | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
  /** Told where health is served, when all is at work. */
  readonly onReady?: ((address: { readonly port: number }) => void) | undefined;
}

/** How long answers of health may take at the end. */
const healthGraceMs = 1_000;
/** What is left of the time to shut down after the messages in hand: for the loops and for closing. */
const closingMs = 5_000;

/**
 * Runs the worker until `signal` aborts: it drains the queues, relays what is to go into them, and sweeps; the
 * latter two are done by one worker at a time. Resolves when what was in hand is finished.
 */
export async function runService(config: WorkerConfig, signal: AbortSignal, open: WorkerResources): Promise<void> {
  const { database, fanOut, logger, metrics = createMetrics("worker") } = open;
  const tasks = observeQueue(open.tasksQueue);
  const embeddings = observeQueue(open.embeddingsQueue);
  const health = createWorkerHealth(config.pepper, {
    ...{ database, fanOut, logger, metrics },
    assertQueueAnswers: tasks.assertAnswers,
    assertEmbeddingsAnswer: embeddings.assertAnswers,
  });
  await using http = await serveHttp({
    fetch: health.app.fetch,
    hostname: config.http.host,
    port: config.http.port,
    portVariable: "DEVMESH_WORKER_PORT",
    graceMs: healthGraceMs,
  });
  await using hints = await createHints(fanOut);
  await using outputSchemas = openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 1_000 });
  const newId = createUuidV7();
  await using engine = createTaskEngine({
    store: ledgerStore(database, newId),
    hints: hints.engineHints,
    outputSchemas,
    newId,
    random: Math.random,
    now: monotonicClock,
    ...config.tasks,
    onError: (err) => logger.warn({ err }, "assignment round failed"),
  });
  const watch = watchDatabase(database, signal);
  const store = deadMessages(database);
  const graceMs = Math.max(0, config.shutdownMs - closingMs);
  await using _consumer = startConsumer({
    queue: recordDeadLetters(tasks.queue, { store, queueName: open.tasksQueue.name }),
    handler: createTaskMessageHandler({ engine, findQueuedLanes: (refs) => findQueuedLanes(database, refs), watch }),
    concurrency: 20,
    canReceive: () => watch.isUp,
    ...{ signal, graceMs, logger },
  });
  await using memory = await startMemory({
    ...{ config, database, hints, watch, graceMs, signal, metrics, logger },
    queue: open.embeddingsQueue,
    received: embeddings.queue,
    objects: open.objects,
    deadMessages: store,
  });
  const background = runBackground(
    {
      database,
      hints,
      engine,
      queue: open.tasksQueue,
      keptQueues: [open.tasksQueue, memory.keptQueue],
      relayPending: memory.relay,
      presence: open.presence,
      nodeTimes: nodeTimes(config.nodeLeaseMs),
      metrics,
      logger,
    },
    signal,
  );

  open.onReady?.({ port: http.port });
  logger.info({ port: http.port }, "worker is ready");
  if (!signal.aborted) await once(signal, "abort");
  health.setDraining();
  await Promise.all([background, watch.ended]);
}
