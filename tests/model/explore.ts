import { deepStrictEqual } from "node:assert/strict";
import type { Branches } from "./branching-database.ts";
import { type Bounds, deedsOf, isAsked, isFinal, isIdle } from "./deeds.ts";
import type { Asked, Deed, ModelState } from "./model-state.ts";
import { toObservation } from "./read-ledger.ts";
import type { RealMesh } from "./real-mesh.ts";
import { answer, assigned, claimable, claimed, fittingPairs, happen } from "./reference.ts";

/** What was explored. */
export interface Exploration {
  /** Different states of the model. */
  readonly states: number;
  /** Deeds that led on, each at the end of a path of its own from the start. */
  readonly steps: number;
  /** Deeds that had to change nothing: duplicates, late frames, wrong fences, claims for which there is nothing. */
  readonly refusals: number;
  /** Deeds in a row. */
  readonly depth: number;
  /** False where the bound was reached first. */
  readonly isComplete: boolean;
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
    const deeds = deedsOf(state, bounds);
    const idle = deeds.filter((deed) => isIdle(state, deed));
    found.refusals += idle.length;
    await refuse(state, idle, path);
    for (const deed of deeds) {
      if (isIdle(state, deed)) continue;
      await branch(async () => {
        const nextPath = [...path, deed];
        const next = await follow(state, deed, nextPath);
        found.steps++;
        await visit(next, nextPath);
      });
    }
  }

  /** All that changes nothing, in one go: the answers are the model's, and the ledger stands as before. */
  async function refuse(state: ModelState, idle: readonly Asked[], path: readonly Deed[]): Promise<void> {
    const answers = await real.answer(idle);
    const told = (given: readonly string[]): readonly string[] =>
      given.map((one, number) => `${tell(idle[number])}: ${one}`);
    agree(told(answers), told(idle.map((deed) => answer(state, deed).answer)), path);
    agree(await real.observe(), toObservation(state), path);
    for (const agent of state.agents.keys()) agree(await real.sortHolding(agent), sortTries(state, agent), path);
  }

  async function follow(state: ModelState, deed: Deed, path: readonly Deed[]): Promise<ModelState> {
    const next = await carryOut(state, deed, path);
    agree(await real.observe(), toObservation(next), path);
    return next;
  }

  async function carryOut(state: ModelState, deed: Deed, path: readonly Deed[]): Promise<ModelState> {
    if (deed.kind === "assign") return assign(state, path);
    if (deed.kind === "claim") return claim(state, deed.agent, path);
    if (!isAsked(deed)) {
      await real.happen(deed);
      return happen(state, deed);
    }
    const expected = answer(state, deed);
    agree(await real.answer([deed]), [expected.answer], path);
    return expected.state;
  }

  /** As with a push the engine chooses, of what fits this agent. */
  async function claim(state: ModelState, agent: number, path: readonly Deed[]): Promise<ModelState> {
    const fitting = claimable(state, agent);
    const tasks = await real.claim(agent);
    agree({ tasks, fit: tasks.map((task) => fitting.includes(task)) }, { tasks: tasks.slice(0, 1), fit: [true] }, path);
    return claimed(state, tasks[0] ?? 0, agent);
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
    const told = path.map(tell).join(", ");
    throw new Error(`after ${told}: ${String(error)}`, { cause: error });
  }
}

function tell(deed: Deed | undefined): string {
  return Object.values(deed ?? {}).join(" ");
}

/** Two states that differ only in what can't matter any more, or in the order in which tries were made, are one. */
function keyOf({ tasks, tries, agents }: ModelState): string {
  const living = tasks.map((task) => (isFinal(task) ? [task.state, task.fence] : task));
  const inOrder = tries
    .map(({ wasClaimed: _, ...one }) =>
      one.state === "offered" || one.state === "running" ? one : { ...one, leftMs: 0 },
    )
    .sort((a, b) => a.task - b.task || a.fence - b.fence);
  return JSON.stringify([living, inOrder, tasks.every(isFinal) ? [] : agents]);
}

function sortTries(state: ModelState, agent: number): unknown {
  const named = state.tries.map((one, number) => ({ ...one, name: String(number) }));
  const own = named.filter((one) => one.agent === agent);
  const keep = own.filter((one) => one.state === "offered" || one.state === "running").map(({ name }) => name);
  const recorded = own.filter((one) => ["completed", "failed", "rejected"].includes(one.state)).map(({ name }) => name);
  const drop = named.map(({ name }) => name).filter((name) => ![...keep, ...recorded].includes(name));
  return { keep: keep.sort(), recorded: recorded.sort(), drop: drop.sort() };
}
