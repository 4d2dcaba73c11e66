import { createLogger } from "@devmesh/observability";
import { migrate, openPostgres } from "@devmesh/repositories";
import { readMigrateEnv } from "./config.ts";

// usage: node dist/migrate.js      (DEVMESH_DATABASE_URL names the database, as the schema's owner)
// Brings the schema up to date and ends; several at once wait for each other.
let logger = createLogger({ level: "info", service: "migrate" });
try {
  const { databaseUrl, logLevel } = readMigrateEnv(process.env);
  logger = createLogger({ level: logLevel, service: "migrate" });
  await using database = openPostgres({ url: databaseUrl.reveal(), applicationName: "devmesh-migrate" });
  const migrations = await migrate(database);
  logger.info({ migrations }, migrations.length === 0 ? "the schema is up to date" : "migrations were run");
} catch (err) {
  logger.fatal({ err }, "migrating failed");
  process.exitCode = 1;
}
