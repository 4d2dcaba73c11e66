import { deepStrictEqual } from "node:assert/strict";
import type { Branches } from "./branching-database.ts";
import { type RealMesh, toObservation } from "./real-mesh.ts";
import { assigned, type Deed, fittingPairs, happen, type ModelState, say, words } from "./reference.ts";

/** What was explored. */
export interface Exploration {
  /** Different states of the model. */
  readonly states: number;
  /** Deeds that led on, each at the end of a path of its own from the start. */
  readonly steps: number;
  /** Deeds that had to change nothing: duplicates, late frames, wrong fences. */
  readonly refusals: number;
  /** Deeds in a row. */
  readonly depth: number;
  /** False where the bound was reached first. */
  readonly isComplete: boolean;
}

/** Where to stop. */
export interface Bounds {
  /** No task is assigned more often. */
  readonly maxFence: number;
  readonly maxStates: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Walks through everything that can happen, in every order, from `start` on: each deed is done by the engine on the real
 * SQL and by the model, and both must stand alike after it. States that were seen are not walked from again.
 *
 * @throws AssertionError where they differ, with the path that led there.
 */
export async function explore(
  { branch }: Pick<Branches, "branch">,
  real: RealMesh,
  { start, bounds }: { readonly start: ModelState; readonly bounds: Bounds },
): Promise<Exploration> {
  const seen = new Set<string>();
  const found: Mutable<Exploration> = { states: 0, steps: 0, refusals: 0, depth: 0, isComplete: true };

  async function visit(state: ModelState, path: readonly Deed[]): Promise<void> {
    const key = keyOf(state);
    if (seen.has(key)) return;
    if (found.states >= bounds.maxStates) {
      found.isComplete = false;
      return;
    }
    seen.add(key);
    found.states++;
    found.depth = Math.max(found.depth, path.length);
    const deeds = deedsOf(state, bounds.maxFence);
    const idle = deeds.filter((deed) => deed.kind === "word" && say(state, deed).state === state);
    found.refusals += idle.length;
    await refuse(state, idle as Extract<Deed, { kind: "word" }>[], path);
    for (const deed of deeds) {
      if (idle.includes(deed)) continue;
      await branch(async () => {
        const nextPath = [...path, deed];
        const next = await follow(state, deed, nextPath);
        found.steps++;
        await visit(next, nextPath);
      });
    }
  }

  /** All that changes nothing, in one go: the answers are the model's, and the ledger stands as before. */
  async function refuse(state: ModelState, idle: readonly Extract<Deed, { kind: "word" }>[], path: readonly Deed[]) {
    const answers = await Promise.all(idle.map((deed) => real.say(deed)));
    agree(
      answers,
      idle.map((deed) => say(state, deed).answer),
      [...path, ...idle.slice(0, 1)],
    );
    agree(await real.observe(), toObservation(state), path);
    for (const agent of state.connected.keys()) agree(await real.sortHolding(agent), sortTries(state, agent), path);
  }

  async function follow(state: ModelState, deed: Deed, path: readonly Deed[]): Promise<ModelState> {
    const next = await carryOut(state, deed, path);
    agree(await real.observe(), toObservation(next), path);
    return next;
  }

  async function carryOut(state: ModelState, deed: Deed, path: readonly Deed[]): Promise<ModelState> {
    if (deed.kind === "assign") return assign(state, path);
    if (deed.kind !== "word") {
      await real.happen(deed);
      return happen(state, deed);
    }
    const expected = say(state, deed);
    agree(await real.say(deed), expected.answer, path);
    return expected.state;
  }

  /** The engine chooses; what it chose must fit, and nothing that fits may be left over. */
  async function assign(state: ModelState, path: readonly Deed[]): Promise<ModelState> {
    let next = state;
    for (;;) {
      const pairs = await real.assign();
      for (const [task, agent] of pairs) {
        const fits = fittingPairs(next).some(([oneTask, oneAgent]) => oneTask === task && oneAgent === agent);
        agree({ task, agent, fits }, { task, agent, fits: true }, path);
        next = assigned(next, task, agent);
      }
      if (pairs.length === 0) break;
    }
    agree(fittingPairs(next), [], path);
    return next;
  }

  await visit(start, []);
  return found;
}

function agree(actual: unknown, expected: unknown, path: readonly Deed[]): void {
  try {
    deepStrictEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(expected)));
  } catch (error) {
    const told = path.map((deed) => Object.values(deed).join(" ")).join(", ");
    throw new Error(`after ${told}: ${String(error)}`, { cause: error });
  }
}

/** Two states that differ only in what can't matter any more, or in the order in which tries were made, are one. */
function keyOf({ tasks, tries, connected }: ModelState): string {
  const living = tasks.map((task) => (isFinal(task) ? [task.state, task.fence] : task));
  const inOrder = tries
    .map((one) => (one.state === "offered" || one.state === "running" ? one : { ...one, leftMs: 0 }))
    .sort((a, b) => a.task - b.task || a.fence - b.fence);
  return JSON.stringify([living, inOrder, tasks.every(isFinal) ? [] : connected]);
}

/** All that can happen, useful or not. */
function deedsOf(state: ModelState, maxFence: number): readonly Deed[] {
  const { tasks, tries, connected } = state;
  const pairs = fittingPairs(state);
  const mayAssign = pairs.length > 0 && pairs.every(([task]) => (tasks[task]?.fence ?? 0) < maxFence);
  const open = tries.filter((one) => one.state === "offered" || one.state === "running");
  const isOver = tasks.every(isFinal);
  const mayBeDue = open.some(({ leftMs }) => leftMs <= 0) || tasks.some((task) => isDue(task));
  return [
    ...(mayAssign ? [{ kind: "assign" } as const] : []),
    ...(mayBeDue ? [{ kind: "sweep" } as const] : []),
    ...tasks.flatMap((task, index): Deed[] => [
      ...(hasTime(task, tries, index) ? [{ kind: "age", task: index } as const] : []),
      ...(isFinal(task) ? [] : [{ kind: "cancel", task: index } as const]),
    ]),
    ...connected.flatMap((isConnected, agent): Deed[] => [
      ...(isOver ? [] : [{ kind: isConnected ? "disconnect" : "connect", agent } as const]),
      ...(open.some((one) => one.agent === agent) ? [{ kind: "release", agent } as const] : []),
    ]),
    ...tries.flatMap((_, number) =>
      words.flatMap((word): Deed[] =>
        (word === "complete" ? [0, -1, 1] : [0]).map((fenceOff) => ({ kind: "word", word, try: number, fenceOff })),
      ),
    ),
  ];
}

function isFinal({ state }: ModelState["tasks"][number]): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

function isDue({ state, dueInMs, passedOver }: ModelState["tasks"][number]): boolean {
  if (state === "scheduled") return dueInMs <= 0;
  return state === "queued" && Object.values(passedOver).some((leftMs) => leftMs <= 0);
}

function hasTime(task: ModelState["tasks"][number], tries: ModelState["tries"], index: number): boolean {
  const isRunningOut = tries.some(
    (one) => one.task === index && (one.state === "offered" || one.state === "running") && one.leftMs > 0,
  );
  const isWaiting = task.state === "scheduled" && task.dueInMs > 0;
  const isPassed = task.state === "queued" && Object.values(task.passedOver).some((leftMs) => leftMs > 0);
  return isRunningOut || isWaiting || isPassed;
}

function sortTries(state: ModelState, agent: number): unknown {
  const named = state.tries.map((one, number) => ({ ...one, name: String(number) }));
  const own = named.filter((one) => one.agent === agent);
  const keep = own.filter((one) => one.state === "offered" || one.state === "running").map(({ name }) => name);
  const recorded = own.filter((one) => ["completed", "failed", "rejected"].includes(one.state)).map(({ name }) => name);
  const drop = named.map(({ name }) => name).filter((name) => ![...keep, ...recorded].includes(name));
  return { keep: keep.sort(), recorded: recorded.sort(), drop: drop.sort() };
}
