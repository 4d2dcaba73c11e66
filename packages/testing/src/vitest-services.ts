import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import type { GivenServices } from "./given-services.ts";
import { startServices } from "./native-services.ts";

/** How `npm test` says that it tried to have services, and could not. */
const withoutServices = "none";

/**
 * Vitest's global set-up of the integration and end-to-end projects. Takes the services that `DEVMESH_DATABASE_URL` and
 * `DEVMESH_REDIS_URL` name, and starts those that are not named, once a run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { env } = process;
  const isComplete = env["DEVMESH_DATABASE_URL"] !== undefined && env["DEVMESH_REDIS_URL"] !== undefined;
  const services = isComplete ? undefined : await startServices({ fsync: false });
  // The other project's set-up, in this same process, finds them here.
  env["DEVMESH_DATABASE_URL"] ??= services?.databaseUrl;
  env["DEVMESH_REDIS_URL"] ??= services?.redisUrl;
  const scratchDir = await mkdtemp(join(tmpdir(), "devmesh-tests-"));
  const given: GivenServices = {
    databaseUrl: toUrl(env["DEVMESH_DATABASE_URL"]),
    redisUrl: toUrl(env["DEVMESH_REDIS_URL"]),
    scratchDir,
  };
  project.provide("databaseUrl", given.databaseUrl);
  project.provide("redisUrl", given.redisUrl);
  project.provide("scratchDir", given.scratchDir);
  return async () => {
    await services?.stop();
    await rm(scratchDir, { recursive: true, force: true });
  };
}

function toUrl(value: string | undefined): string | undefined {
  return value === withoutServices ? undefined : value;
}
