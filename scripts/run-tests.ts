// usage: npm test [-- ARGUMENTS OF VITEST]
// Brings up Postgres and Valkey (or takes those that DEVMESH_DATABASE_URL and DEVMESH_REDIS_URL name), runs all tests, and
// ends with the line `N passed, N failed`. Where no services can be had, it runs the rest on PGlite and says so loudly;
// with CI set, that is a failure.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NativeServices, startServices } from "../packages/testing/src/native-services.ts";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Surroundings {
  readonly services: NativeServices | undefined;
  /** Why there are none, where there should be. */
  readonly problem: unknown;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const reportFile = join(root, ".reports", "vitest.json");
/** For the set-up of the tests (`vitest-services.ts`): don't look for one. */
const none = "none";

const { services, problem } = await prepareServices();
const exitCode = await runVitest(services);
await services?.stop();
let counts = await readCounts(exitCode);
if (problem !== undefined) {
  console.error(describeLeftOut(problem));
  if (process.env["CI"]) counts = { ...counts, failed: counts.failed + 1 };
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function prepareServices(): Promise<Surroundings> {
  if (process.env["DEVMESH_DATABASE_URL"] && process.env["DEVMESH_REDIS_URL"])
    return { services: undefined, problem: undefined };
  try {
    return { services: await startServices({ fsync: false }), problem: undefined };
  } catch (error) {
    return { services: undefined, problem: error };
  }
}

async function runVitest(started: NativeServices | undefined): Promise<number> {
  await mkdir(join(root, ".reports"), { recursive: true });
  await rm(reportFile, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      DEVMESH_DATABASE_URL: process.env["DEVMESH_DATABASE_URL"] || (started?.databaseUrl ?? none),
      DEVMESH_REDIS_URL: process.env["DEVMESH_REDIS_URL"] || (started?.redisUrl ?? none),
    },
  });
  // A terminal signals the child itself, others don't; either way the services are stopped after it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "close");
  return typeof code === "number" ? code : 1;
}

/** A file that can't even be loaded has no failed test, nor has an error outside all tests: each counts as a failure. */
async function readCounts(exitCode: number): Promise<Counts> {
  const text = await readFile(reportFile, "utf8").catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(text) as Report;
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return {
    passed: report.numPassedTests,
    failed: exitCode !== 0 ? Math.max(failed, 1) : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function describeLeftOut(reason: unknown): string {
  const bar = "!".repeat(100);
  const why = reason instanceof Error ? reason.message.trim() : String(reason);
  const lines = [
    "LEFT OUT: everything that needs a PostgreSQL server or a Valkey. The rest ran on PGlite and in memory.",
    "Name your own with DEVMESH_DATABASE_URL and DEVMESH_REDIS_URL. They could not be started here:",
    ...why.split("\n").slice(-5),
  ];
  return ["", bar, ...lines.map((line) => `! ${line}`), bar, ""].join("\n");
}
