import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { withBranches } from "./branching-database.ts";
import { type Exploration, explore } from "./explore.ts";
import { openRealMesh } from "./real-mesh.ts";
import type { ModelState, ModelTask } from "./reference.ts";

/** `MODEL_MINUTES=10` walks on for so long a case, with one assignment more of each task. */
const minutes = Number(process.env["MODEL_MINUTES"] ?? 0);
const moreFences = minutes > 0 ? 1 : 0;
const limitMs = minutes > 0 ? minutes * 60_000 : 20_000;

const queued: ModelTask = {
  state: "queued",
  fence: 0,
  counted: 0,
  uncounted: 0,
  rejectedBy: [],
  passedOver: {},
  dueInMs: 0,
  result: 0,
};

describeEachDriver("claim, lease, fence and result", (database) => {
  test.each([
    { taskCount: 1, agentCount: 2, maxFence: 2 },
    { taskCount: 2, agentCount: 1, maxFence: 1 },
    { taskCount: 2, agentCount: 2, maxFence: 1 },
  ])(
    "go as the model says: $taskCount tasks, $agentCount agents, $maxFence tries",
    async (small) => {
      const { taskCount, agentCount, maxFence } = small;
      const bounds = { maxFence: maxFence + moreFences, untilMs: performance.now() + limitMs };
      const start: ModelState = {
        tasks: Array<ModelTask>(taskCount).fill(queued),
        tries: [],
        connected: Array<boolean>(agentCount).fill(true),
      };
      let found: Exploration | undefined;
      await withBranches(database(), async (branches) => {
        const real = await openRealMesh(branches.database, { taskCount, agentCount });
        found = await explore(branches, real, { start, bounds });
      });
      console.log(`${database().kind} ${JSON.stringify({ ...small, maxFence: bounds.maxFence, ...found })}`);
      expect(found?.states).toBeGreaterThan(50);
    },
    limitMs + 60_000,
  );
});
