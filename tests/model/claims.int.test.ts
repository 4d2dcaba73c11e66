import type { Database } from "@devmesh/repositories";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { withBranches } from "./branching-database.ts";
import { type Exploration, explore } from "./explore.ts";
import type { ModelState, ModelTask } from "./model-state.ts";
import { openRealMesh, type StandingAtFirst } from "./real-mesh.ts";

/** `MODEL_STATES=20000` walks on until so many states of each larger case are seen. */
const maxStates = Number(process.env["MODEL_STATES"] ?? 80);
/** Some 20 ms a state, on a machine that has nothing else to do, and twenty times as much on one that has. */
const timeout = 240_000 + maxStates * 400;

interface SmallCase {
  readonly name: string;
  readonly taskCount: number;
  readonly agents: readonly StandingAtFirst[];
  readonly maxFence: number;
  /** Agents also move between push and pull, and are deregistered. */
  readonly moves: boolean;
}

const smallest: readonly SmallCase[] = [
  { name: "a task that is pushed", taskCount: 1, agents: ["connected"], maxFence: 2, moves: false },
  { name: "a task that is claimed", taskCount: 1, agents: ["present"], maxFence: 2, moves: false },
  { name: "an agent that moves", taskCount: 1, agents: ["present"], maxFence: 1, moves: true },
];
const others: readonly SmallCase[] = [
  { name: "an agent that moves and comes again", taskCount: 1, agents: ["present"], maxFence: 2, moves: true },
  { name: "push beside claim", taskCount: 1, agents: ["connected", "present"], maxFence: 2, moves: false },
  { name: "two tasks, two that move", taskCount: 2, agents: ["connected", "present"], maxFence: 1, moves: true },
  { name: "two that are pushed to", taskCount: 1, agents: ["connected", "connected"], maxFence: 2, moves: false },
  { name: "two tasks", taskCount: 2, agents: ["connected"], maxFence: 1, moves: false },
  { name: "two tasks, two agents", taskCount: 2, agents: ["connected", "connected"], maxFence: 1, moves: false },
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
  test.for(smallest)("go as the model says, in every order: $name", { timeout }, async (small) => {
    expect(await walk(database(), small, Number.POSITIVE_INFINITY)).toMatchObject({ isComplete: true });
  });

  test.for(others)("go as the model says: $name", { timeout }, async (small) => {
    // slower on the other, and the same statements
    const most = database().kind === "postgres" ? maxStates : Math.ceil(maxStates / 8);
    const found = await walk(database(), small, most);
    expect(found.isComplete || found.states === most).toBe(true);
  });
});

async function walk(database: Database, small: SmallCase, most: number): Promise<Exploration> {
  const { taskCount, agents, maxFence, moves } = small;
  const bounds = { maxFence, maxStates: most, moves };
  const start: ModelState = {
    tasks: Array<ModelTask>(taskCount).fill(queued),
    tries: [],
    agents,
  };
  const found = await withBranches(database, async (branches) => {
    const real = await openRealMesh(branches.database, { taskCount, agents });
    return explore(branches, real, { start, bounds });
  });
  console.log(`${database.kind} ${JSON.stringify({ ...small, ...found })}`);
  return found;
}
