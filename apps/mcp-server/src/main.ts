import { fallbackFanOut, openObjects, openRedisFanOut, openRedisPresence, openRedisSessions } from "@devmesh/adapters";
import { createLogger, type Logger } from "@devmesh/observability";
import { notifyFanOut, openPostgres } from "@devmesh/repositories";
import { shutdownSignal, storesOf } from "@devmesh/runtime";
import { type McpConfig, readEnv, toConfig } from "./config.ts";
import { runService } from "./service.ts";

/** Opens the distributed drivers and runs one node on them. */
async function run(config: McpConfig, logger: Logger): Promise<void> {
  const { databaseUrl, databaseConnections, redisUrl, objects: bucket } = storesOf(config);
  const signal = shutdownSignal({ deadlineMs: config.shutdownMs });
  await using database = openPostgres({
    url: databaseUrl.reveal(),
    maxConnections: databaseConnections,
    applicationName: "devmesh-mcp-server",
    onConnectionError: (err) => logger.debug({ err }, "idle database connection broke"),
  });
  const notify = notifyFanOut(database);
  await using fanOut =
    redisUrl === undefined ? notify : fallbackFanOut(openRedisFanOut({ url: redisUrl.reveal(), logger }), notify);
  await using presence = redisUrl === undefined ? undefined : openRedisPresence({ url: redisUrl.reveal() });
  await using objects = bucket && openObjects(bucket);
  await using sessions =
    redisUrl === undefined ? undefined : openRedisSessions({ url: redisUrl.reveal(), ...config.mcp.sessions });
  await runService(config, signal, { database, fanOut, presence, sessions, objects, logger });
}

let logger = createLogger({ level: "info", service: "mcp-server" });
try {
  const fixtures = process.argv.includes("--conformance-fixtures") && { DEVMESH_MCP_CONFORMANCE_FIXTURES: "true" };
  const config = toConfig(readEnv({ ...process.env, ...fixtures }, { ownStores: true }));
  logger = createLogger({ level: config.logLevel, service: "mcp-server" });
  await run(config, logger);
} catch (err) {
  logger.fatal({ err }, "mcp server failed");
  process.exitCode = 1;
}
