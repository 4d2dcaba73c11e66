import { fallbackFanOut, openObjects, openRedisFanOut } from "@devmesh/adapters";
import { createLogger, type Logger } from "@devmesh/observability";
import { notifyFanOut, openPostgres } from "@devmesh/repositories";
import { shutdownSignal, storesOf } from "@devmesh/runtime";
import { type RestConfig, readEnv, toConfig } from "./config.ts";
import { runService } from "./service.ts";

/** Opens the distributed drivers and runs the service on them. */
async function run(config: RestConfig, logger: Logger): Promise<void> {
  const { databaseUrl, databaseConnections, redisUrl, objects: bucket } = storesOf(config);
  const signal = shutdownSignal({ deadlineMs: config.shutdownMs });
  await using database = openPostgres({
    url: databaseUrl.reveal(),
    maxConnections: databaseConnections,
    applicationName: "devmesh-rest-api",
    onConnectionError: (err) => logger.debug({ err }, "idle database connection broke"),
  });
  const notify = notifyFanOut(database);
  await using fanOut =
    redisUrl === undefined ? notify : fallbackFanOut(openRedisFanOut({ url: redisUrl.reveal(), logger }), notify);
  await using objects = bucket && openObjects(bucket);
  await runService(config, signal, { database, fanOut, objects, logger });
}

let logger = createLogger({ level: "info", service: "rest-api" });
try {
  const config = toConfig(readEnv(process.env, { ownStores: true }));
  logger = createLogger({ level: config.logLevel, service: "rest-api" });
  await run(config, logger);
} catch (err) {
  logger.fatal({ err }, "rest-api failed");
  process.exitCode = 1;
}
