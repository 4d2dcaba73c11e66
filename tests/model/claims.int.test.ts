import type { Database } from "@devmesh/repositories";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { withBranches } from "./branching-database.ts";
import { type Exploration, explore } from "./explore.ts";
import { openRealMesh } from "./real-mesh.ts";
import type { ModelState, ModelTask } from "./reference.ts";

/** `MODEL_MINUTES=10` walks on for so long in each case that is not complete. */
const minutes = Number(process.env["MODEL_MINUTES"] ?? 0);
const limitMs = minutes > 0 ? minutes * 60_000 : 8_000;
/** For the case that must be walked to its end. */
const patienceMs = Math.max(limitMs, 90_000);

interface SmallCase {
  readonly taskCount: number;
  readonly agentCount: number;
  readonly maxFence: number;
}

const smallest: SmallCase = { taskCount: 1, agentCount: 1, maxFence: 2 };
const others: readonly SmallCase[] = [
  { taskCount: 1, agentCount: 2, maxFence: 2 },
  { taskCount: 2, agentCount: 1, maxFence: 1 },
  { taskCount: 2, agentCount: 2, maxFence: 1 },
];

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
  test("go as the model says, in every order of the smallest case", { timeout: patienceMs + 60_000 }, async () => {
    const found = await walk(database(), smallest, patienceMs);
    expect(found).toMatchObject({ isComplete: true });
  });
});

describeEachDriver("claim, lease, fence and result of more tasks and agents", (database) => {
  test.for(others)("go as the model says: %o", { timeout: limitMs + 60_000 }, async (small) => {
    // slower on the other, and the same statements
    const found = await walk(database(), small, database().kind === "postgres" ? limitMs : limitMs / 8);
    expect(found.states).toBeGreaterThan(10);
  });
});

async function walk(database: Database, small: SmallCase, forMs: number): Promise<Exploration> {
  const { taskCount, agentCount, maxFence } = small;
  const bounds = { maxFence, untilMs: performance.now() + forMs };
  const start: ModelState = {
    tasks: Array<ModelTask>(taskCount).fill(queued),
    tries: [],
    connected: Array<boolean>(agentCount).fill(true),
  };
  const found = await withBranches(database, async (branches) => {
    const real = await openRealMesh(branches.database, { taskCount, agentCount });
    return explore(branches, real, { start, bounds });
  });
  console.log(`${database.kind} ${JSON.stringify({ ...small, ...found })}`);
  return found;
}
