import {
  type Asked,
  type Deed,
  type Happening,
  type ModelState,
  type ModelTask,
  type ModelTry,
  type Move,
  maxAttempts,
  type Standing,
  times,
  type Word,
} from "./model-state.ts";

const endsOfTheMesh = ["accept_expired", "lease_expired", "released", "cancelled"];
const isOpen = ({ state }: ModelTry): boolean => state === "offered" || state === "running";
const recordedAs: Readonly<Partial<Record<Word, string>>> = {
  complete: "completed",
  fail: "failed",
  give_up: "failed",
  reject: "rejected",
};

interface Answered {
  readonly answer: string;
  readonly state: ModelState;
}

/** What a deed is answered, and what becomes of it. A claim that is given something is told by {@link claimable}. */
export function answer(state: ModelState, deed: Asked): Answered {
  switch (deed.kind) {
    case "word":
      return say(state, deed);
    case "claim":
      return { answer: refusalOf(state, deed.agent) ?? "nothing", state };
    case "reclaim":
      return { answer: `${deed.try} ${state.tries[deed.try]?.state}`, state };
    default:
      return move(state, deed.kind, deed.agent);
  }
}

function move(state: ModelState, kind: Move, agent: number): Answered {
  const standing = state.agents[agent];
  const isPull = standing === "present" || standing === "lapsed";
  if (kind === "heartbeat" && !isPull) return { answer: "not_pull", state };
  if (standing === "gone") return { answer: "not_found", state };
  if (kind === "register" && standing === "connected") return { answer: "connected", state };
  const open = openTries(state).filter((number) => state.tries[number]?.agent === agent);
  const told = kind === "heartbeat" ? `holds ${open.join(" ")}` : kind;
  if (kind === "connect") return { answer: told, state: standingAs(state, agent, "connected") };
  return { answer: told, state: standingAs(state, agent, kind === "deregister" ? "gone" : "present") };
}

/** The same state where nothing changes. */
function standingAs(state: ModelState, agent: number, standing: Standing): ModelState {
  return state.agents[agent] === standing ? state : { ...state, agents: state.agents.with(agent, standing) };
}

/** Why an agent may not claim now; undefined where it may. */
function refusalOf(state: ModelState, agent: number): string | undefined {
  const standing = state.agents[agent];
  if (standing === "gone") return "not_found";
  if (standing === "connected" || standing === "away") return "not_pull";
  return openTries(state).some((number) => state.tries[number]?.agent === agent) ? "busy" : undefined;
}

/** The tasks of which a claim is given one now; which of them is the engine's to choose. */
export function claimable(state: ModelState, agent: number): readonly number[] {
  return fittingPairs(state, "claim").flatMap(([task, fitting]) => (fitting === agent ? [task] : []));
}

/** What an agent's word is answered, and what becomes of it: the order of checks is that of the wire protocol. */
function say(state: ModelState, deed: Extract<Deed, { kind: "word" }>): Answered {
  const { word, fenceOff } = deed;
  const held = state.tries[deed.try] as ModelTry;
  const task = state.tasks[held.task] as ModelTask;
  const isRecorded = word === "accept" ? held.wasAccepted : held.state === recordedAs[word];
  if (fenceOff === 0 && isRecorded) return { answer: `duplicate ${task.state}`, state };
  if (fenceOff !== 0 || endsOfTheMesh.includes(held.state) || held.fence !== task.fence) {
    return { answer: "stale_assignment", state };
  }
  if (!isOpen(held)) return { answer: "failed_precondition", state };
  if (held.state === "offered" && word !== "accept" && word !== "reject") {
    return { answer: "failed_precondition", state };
  }
  const next = carryOut(state, word, deed.try);
  return { answer: `recorded ${next.tasks[held.task]?.state}`, state: next };
}

function carryOut(state: ModelState, word: Word, number: number): ModelState {
  const held = state.tries[number] as ModelTry;
  switch (word) {
    case "accept":
      return moved(state, number, { state: "running", wasAccepted: true, leftMs: times.leaseMs }, { state: "running" });
    case "progress":
      return moved(state, number, { leftMs: times.leaseMs }, {});
    case "complete":
      return moved(state, number, { state: "completed" }, { state: "completed", result: held.fence });
    case "fail":
      return counted(state, number, "failed", { state: "scheduled", dueInMs: times.retryMs });
    case "give_up": {
      const task = state.tasks[held.task] as ModelTask;
      return moved(state, number, { state: "failed" }, { state: "failed", counted: task.counted + 1, uncounted: 0 });
    }
    case "reject":
      return uncounted(state, number, "rejected", (task) => ({ rejectedBy: [...task.rejectedBy, held.agent].sort() }));
  }
}

/** What time and callers do. `assign` is not here: which agent gets which task is the engine's to choose. */
export function happen(state: ModelState, deed: Happening): ModelState {
  switch (deed.kind) {
    case "sweep":
      return sweep(state);
    case "age":
      return age(state, deed.task);
    case "cancel":
      return cancel(state, deed.task);
    case "disconnect":
    case "lapse":
      return standingAs(state, deed.agent, deed.kind === "disconnect" ? "away" : "lapsed");
    case "release":
      return openTries(state)
        .filter((number) => state.tries[number]?.agent === deed.agent)
        .reduce((next, number) => uncounted(next, number, "released", () => ({})), state);
  }
}

/** Which pairs of task and agent the engine may bring together now, by a push or where the agents claim. */
export function fittingPairs(
  state: ModelState,
  by: "push" | "claim" = "push",
): readonly (readonly [task: number, agent: number])[] {
  const takes = (standing: Standing): boolean =>
    by === "push" ? standing === "connected" : standing === "present" || standing === "lapsed";
  const busy = openTries(state).map((number) => state.tries[number]?.agent);
  return state.tasks.flatMap((task, index) =>
    state.agents.flatMap((standing, agent) => {
      const isExcluded = task.rejectedBy.includes(agent) || agent in task.passedOver;
      const fits = task.state === "queued" && takes(standing) && !busy.includes(agent) && !isExcluded;
      return fits ? [[index, agent] as const] : [];
    }),
  );
}

/** The state after a task was given to an agent that claims: accepted by asking. */
export function claimed(state: ModelState, task: number, agent: number): ModelState {
  const taken = { state: "running", wasAccepted: true, wasClaimed: true, leftMs: times.leaseMs } as const;
  return moved(assigned(state, task, agent), state.tries.length, taken, { state: "running" });
}

/** The state after a task was pushed to an agent. */
export function assigned(state: ModelState, task: number, agent: number): ModelState {
  const fence = (state.tasks[task]?.fence ?? 0) + 1;
  const offer = {
    ...{ task, agent, fence, state: "offered" },
    ...{ wasAccepted: false, wasClaimed: false, leftMs: times.acceptMs },
  };
  return { ...withTask(state, task, { state: "assigned", fence }), tries: [...state.tries, offer] };
}

function sweep(state: ModelState): ModelState {
  const ended = openTries(state).reduce((next, number) => {
    const held = next.tries[number] as ModelTry;
    if (held.leftMs > 0) return next;
    if (held.state === "running") return counted(next, number, "lease_expired", { state: "queued" });
    const passOver = { [held.agent]: times.passOverMs };
    return uncounted(next, number, "accept_expired", (task) => ({ passedOver: { ...task.passedOver, ...passOver } }));
  }, state);
  return ended.tasks.reduce((next, task, index) => {
    const isDue = task.state === "scheduled" && task.dueInMs <= 0;
    if (isDue) return withTask(next, index, { state: "queued", dueInMs: 0, passedOver: stillPassedOver(task) });
    return task.state === "queued" ? withTask(next, index, { passedOver: stillPassedOver(task) }) : next;
  }, ended);
}

function age(state: ModelState, index: number): ModelState {
  const task = state.tasks[index] as ModelTask;
  const older = (ms: number): number => Math.max(0, ms - times.ageMs);
  const passedOver = Object.fromEntries(Object.entries(task.passedOver).map(([agent, ms]) => [agent, older(ms)]));
  const aged = withTask(state, index, { passedOver, dueInMs: older(task.dueInMs) });
  return {
    ...aged,
    tries: aged.tries.map((one) => (one.task === index && isOpen(one) ? { ...one, leftMs: older(one.leftMs) } : one)),
  };
}

function cancel(state: ModelState, index: number): ModelState {
  if (["completed", "failed", "cancelled"].includes(state.tasks[index]?.state ?? "")) return state;
  const open = openTries(state).find((number) => state.tries[number]?.task === index);
  return open === undefined
    ? withTask(state, index, { state: "cancelled" })
    : moved(state, open, { state: "cancelled" }, { state: "cancelled" });
}

/** A try that counts has ended: the task goes on as `next` says, or has failed. */
function counted(state: ModelState, number: number, end: string, next: Partial<ModelTask>): ModelState {
  const index = state.tries[number]?.task ?? 0;
  const task = state.tasks[index] as ModelTask;
  const tries = { counted: task.counted + 1, uncounted: 0 };
  const isLast = tries.counted >= maxAttempts;
  const passedOver = next.state === "queued" && !isLast ? stillPassedOver(task) : task.passedOver;
  return moved(state, number, { state: end }, { ...tries, ...(isLast ? { state: "failed" } : next), passedOver });
}

function uncounted(
  state: ModelState,
  number: number,
  end: string,
  change: (task: ModelTask) => Partial<ModelTask>,
): ModelState {
  const index = state.tries[number]?.task ?? 0;
  const task = state.tasks[index] as ModelTask;
  const changed = { ...task, ...change({ ...task, passedOver: stillPassedOver(task) }) };
  const passedOver = stillPassedOver(changed);
  return moved(
    state,
    number,
    { state: end },
    { ...changed, uncounted: task.uncounted + 1, state: "queued", passedOver },
  );
}

function stillPassedOver({ passedOver }: ModelTask): ModelTask["passedOver"] {
  return Object.fromEntries(Object.entries(passedOver).filter(([, leftMs]) => leftMs > 0));
}

function openTries({ tries }: ModelState): readonly number[] {
  return tries.flatMap((one, number) => (isOpen(one) ? [number] : []));
}

function moved(state: ModelState, number: number, change: Partial<ModelTry>, task: Partial<ModelTask>): ModelState {
  const held = { ...(state.tries[number] as ModelTry), ...change };
  return withTask({ ...state, tries: state.tries.with(number, held) }, held.task, task);
}

function withTask(state: ModelState, index: number, change: Partial<ModelTask>): ModelState {
  return { ...state, tasks: state.tasks.with(index, { ...(state.tasks[index] as ModelTask), ...change }) };
}
