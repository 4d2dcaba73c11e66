import { fallbackFanOut, openObjects, openRedisFanOut, openRedisPresence } from "@devmesh/adapters";
import { createLogger, type Logger } from "@devmesh/observability";
import { notifyFanOut, openPostgres } from "@devmesh/repositories";
import { shutdownSignal, storesOf } from "@devmesh/runtime";
import { readEnv, toConfig, type WorkerConfig } from "./config.ts";
import { openEmbeddingsQueue, openTasksQueue } from "./queue/open-queue.ts";
import { runService } from "./service.ts";

/** Opens the distributed drivers and runs the worker on them. */
async function run(config: WorkerConfig, logger: Logger): Promise<void> {
  const { databaseUrl, databaseConnections, redisUrl, ...aws } = storesOf(config);
  const signal = shutdownSignal({ deadlineMs: config.shutdownMs });
  await using database = openPostgres({
    url: databaseUrl.reveal(),
    maxConnections: databaseConnections,
    applicationName: "devmesh-worker",
    onConnectionError: (err) => logger.debug({ err }, "idle database connection broke"),
  });
  const notify = notifyFanOut(database);
  await using fanOut =
    redisUrl === undefined ? notify : fallbackFanOut(openRedisFanOut({ url: redisUrl.reveal(), logger }), notify);
  await using presence = redisUrl === undefined ? undefined : openRedisPresence({ url: redisUrl.reveal() });
  using tasksQueue = openTasksQueue(aws.tasksQueue);
  using embeddingsQueue = openEmbeddingsQueue(aws.embeddingsQueue);
  await using objects = aws.objects && openObjects(aws.objects);
  await runService(config, signal, { database, fanOut, presence, tasksQueue, embeddingsQueue, objects, logger });
}

let logger = createLogger({ level: "info", service: "worker" });
try {
  const config = toConfig(readEnv(process.env, { ownStores: true }));
  logger = createLogger({ level: config.logLevel, service: "worker" });
  await run(config, logger);
} catch (err) {
  logger.fatal({ err }, "worker failed");
  process.exitCode = 1;
}
