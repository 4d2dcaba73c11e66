import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Workspace packages export their TypeScript under the condition `devmesh-source`: nothing is built before a test runs.
// Without Vite's own `module`, which names files for bundlers: Node itself loads what is outside, and can't read those.
const resolve = { conditions: ["devmesh-source", "node", "development|production"] };
const ssr = {
  resolve: { conditions: ["devmesh-source", "node", "development|production"], externalConditions: ["devmesh-source"] },
};
const integrationFiles = "**/*.int.test.ts";
const endToEndFiles = "**/*.e2e.test.ts";
const ignoredFiles = ["**/node_modules/**", "**/dist/**"];
const servicesSetup = "packages/testing/src/vitest-services.ts";
// Node strips the types of what tests hand to worker threads and child processes; they need the condition too.
const execArgv = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"];

// A machine under load stands still for seconds now and then: who waits for what comes in any case waits long enough.
const expectOptions = { poll: { timeout: 30_000 } };

// Vitest itself leaves one core out: on two there would be one worker, which waits for Postgres half of its time.
const maxWorkers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...ignoredFiles, integrationFiles, endToEndFiles],
          execArgv,
          maxWorkers,
          expect: expectOptions,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Modules keep no state: the files of a worker share those that are loaded.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "integration",
          include: [integrationFiles],
          exclude: ignoredFiles,
          globalSetup: servicesSetup,
          execArgv,
          maxWorkers,
          expect: expectOptions,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "e2e",
          include: [endToEndFiles],
          exclude: ignoredFiles,
          globalSetup: servicesSetup,
          execArgv,
          // Each may start a dozen processes, and mostly waits for them.
          maxWorkers: 2,
          expect: expectOptions,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
