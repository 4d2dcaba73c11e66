// usage: node --conditions=devmesh-source scripts/start-services.ts [--dir FOLDER] [--no-fsync]
// Starts PostgreSQL 17 with pgvector, and Valkey, prints their URLs as shell exports, and runs until Ctrl-C.
// Without --dir the data goes with it. A service that DEVMESH_DATABASE_URL or DEVMESH_REDIS_URL names is printed as it is.
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { startServices } from "../packages/testing/src/native-services.ts";

const { values } = parseArgs({ options: { dir: { type: "string" }, "no-fsync": { type: "boolean", default: false } } });
const given = { databaseUrl: process.env["DEVMESH_DATABASE_URL"], redisUrl: process.env["DEVMESH_REDIS_URL"] };
const isComplete = given.databaseUrl !== undefined && given.redisUrl !== undefined;
const dir = values.dir === undefined ? undefined : resolve(values.dir);
if (dir !== undefined) await mkdir(dir, { recursive: true });
const services = isComplete ? undefined : await startServices({ dir, fsync: !values["no-fsync"] });

console.log(`export DEVMESH_DATABASE_URL=${given.databaseUrl ?? services?.databaseUrl}`);
console.log(`export DEVMESH_REDIS_URL=${given.redisUrl ?? services?.redisUrl}`);
if (services !== undefined) {
  // Keeps the process alive: waiting for a signal alone does not.
  const alive = setInterval(() => undefined, 60_000);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  clearInterval(alive);
  await services.stop();
}
