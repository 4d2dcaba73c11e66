import { type Asked, type Deed, type ModelState, type Standing, words } from "./model-state.ts";
import { answer, claimable, fittingPairs } from "./reference.ts";

/** Where to stop. */
export interface Bounds {
  /** No task is assigned more often. */
  readonly maxFence: number;
  readonly maxStates: number;
  /** Agents also move between push and pull, and are deregistered. */
  readonly moves: boolean;
}

/** All that can happen, useful or not. */
export function deedsOf(state: ModelState, { maxFence, moves }: Bounds): readonly Deed[] {
  const { tasks, tries, agents } = state;
  const pairs = fittingPairs(state);
  const mayGive = (given: readonly number[]): boolean => given.every((task) => (tasks[task]?.fence ?? 0) < maxFence);
  const mayAssign = pairs.length > 0 && mayGive(pairs.map(([task]) => task));
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
    ...agents
      .flatMap((standing, agent): Deed[] => [
        ...(isOver ? [] : deedsOfAgent(standing, moves)).map((kind) => ({ kind, agent })),
        ...(open.some((one) => one.agent === agent) ? [{ kind: "release", agent } as const] : []),
      ])
      .filter((deed) => deed.kind !== "claim" || mayGive(claimable(state, deed.agent))),
    ...tries.flatMap(({ wasClaimed }, number): Deed[] => [
      ...(wasClaimed ? [{ kind: "reclaim", try: number } as const] : []),
      ...words.flatMap((word): Deed[] =>
        (word === "complete" ? [0, -1, 1] : [0]).map((fenceOff) => ({ kind: "word", word, try: number, fenceOff })),
      ),
    ]),
  ];
}

type AgentDeed = Extract<Deed, { readonly agent: number }>["kind"];

/** Beside what it holds: first what every agent does that stands so, then what those do that move. */
function deedsOfAgent(standing: Standing, moves: boolean): readonly AgentDeed[] {
  const [always, moving] = deedsByStanding[standing];
  return moves ? [...always, ...moving] : always;
}

const deedsByStanding: Readonly<
  Record<Standing, readonly [always: readonly AgentDeed[], moving: readonly AgentDeed[]]>
> = {
  connected: [["disconnect"], ["register", "heartbeat", "claim", "deregister"]],
  away: [["connect"], ["register", "heartbeat", "claim", "deregister"]],
  present: [
    ["lapse", "claim"],
    ["connect", "register", "heartbeat", "deregister"],
  ],
  lapsed: [
    ["heartbeat", "claim"],
    ["connect", "register", "deregister"],
  ],
  gone: [[], ["connect", "heartbeat", "claim", "deregister"]],
};

/** True for what is answered and changes nothing. */
export function isIdle(state: ModelState, deed: Deed): deed is Asked {
  if (!isAsked(deed)) return false;
  if (deed.kind === "claim") return claimable(state, deed.agent).length === 0;
  return answer(state, deed).state === state;
}

/** True for what is answered. */
export function isAsked(deed: Deed): deed is Asked {
  return !["assign", "sweep", "age", "cancel", "disconnect", "lapse", "release"].includes(deed.kind);
}

/** True where nothing can happen to the task any more. */
export function isFinal({ state }: ModelState["tasks"][number]): boolean {
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
