import type { Database } from "@devmesh/repositories";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { withBranches } from "./branching-database.ts";
import { type Exploration, explore } from "./explore.ts";
import { openRealMesh } from "./real-mesh.ts";
import type { ModelState, ModelTask } from "./reference.ts";

/** `MODEL_STATES=20000` walks on until so many states of each larger case are seen. */
const maxStates = Number(process.env["MODEL_STATES"] ?? 250);
/** Some 20 ms a state, on a machine that has nothing else to do. */
const timeout = 120_000 + maxStates * 100;

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
  test("go as the model says, in every order of the smallest case", { timeout }, async () => {
    expect(await walk(database(), smallest, Number.POSITIVE_INFINITY)).toMatchObject({ isComplete: true });
  });

  test.for(others)("go as the model says: %o", { timeout }, async (small) => {
    // slower on the other, and the same statements
    const most = database().kind === "postgres" ? maxStates : Math.ceil(maxStates / 8);
    const found = await walk(database(), small, most);
    expect(found.isComplete || found.states === most).toBe(true);
  });
});

async function walk(database: Database, small: SmallCase, most: number): Promise<Exploration> {
  const { taskCount, agentCount, maxFence } = small;
  const bounds = { maxFence, maxStates: most };
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
