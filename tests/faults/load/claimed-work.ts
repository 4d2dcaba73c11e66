import { setTimeout as delay } from "node:timers/promises";
import { TaskFailure } from "@devmesh/agent-sdk";
import { acts } from "./acts.ts";
import type { AgentDeps, AgentSetting } from "./agent-setting.ts";
import type { WorkInput, WorkKind } from "./observation.ts";
import { type CallTool, outputOf, type ToolAnswer } from "./tool-caller.ts";

/** An agent that has MCP alone. */
export interface PullAgent extends AgentSetting, AgentDeps {
  readonly call: CallTool;
}

/** A task as `task_claim` gives it: what a worker needs of it. */
export interface Claimed {
  readonly assignmentId: string;
  readonly fence: number;
  readonly state: string;
  readonly task: ClaimedTask;
}

/** The part of it that is the task's. */
export interface ClaimedTask {
  readonly id: string;
  readonly type: WorkKind;
  readonly input: WorkInput;
  readonly attempt: number;
}

/** As long as those of the services, so that a fault's consequences come as soon. */
export const pullLeaseMs = 3_000;
const renewMs = pullLeaseMs / 3;

/** Does a task while it renews its lease, and says how it ended, until that is answered; gives back what is not for it. */
export async function carryOut(agent: PullAgent, claimed: Claimed): Promise<void> {
  if (claimed.task.type === "picky" && !agent.isVersatile) {
    stateOf(await call(agent, claimed, "task_release", { reason: "not mine" }));
    return;
  }
  const lost = new AbortController();
  const done = new AbortController();
  await Promise.all([
    keepLease(agent, claimed, { lost, done: done.signal }),
    work(agent, claimed, lost.signal).finally(() => done.abort()),
  ]);
}

async function work(agent: PullAgent, claimed: Claimed, lost: AbortSignal): Promise<void> {
  const { task, assignmentId, fence } = claimed;
  const seen = { agent: agent.name, taskId: task.id, assignmentId, fence };
  try {
    await acts[task.type](task.input, { signal: lost, attempt: task.attempt });
  } catch (error) {
    agent.observe({ what: "threw", ...seen });
    if (error instanceof TaskFailure) await sayEnd(agent, claimed, "task_fail", toFailure(error));
    else if (!lost.aborted) throw error;
    return;
  }
  agent.observe({ what: "returned", ...seen });
  const output = { number: task.input.number, assignmentId, fence };
  await sayEnd(agent, claimed, "task_complete", { output });
}

/** Until it is done, or the mesh says that the task is not the agent's any more. */
async function keepLease(
  agent: PullAgent,
  claimed: Claimed,
  { lost, done }: { readonly lost: AbortController; readonly done: AbortSignal },
): Promise<void> {
  for (let percent = 0; ; percent = Math.min(100, percent + 10)) {
    // cut short by the end of the work
    await delay(renewMs, undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) return;
    const answer = await call(agent, claimed, "task_progress", { percent });
    // the end was recorded, and its answer is still under way
    if (done.aborted || answer.error?.code === "failed_precondition") return;
    if (stateOf(answer) === undefined) return lost.abort();
  }
}

async function sayEnd(agent: PullAgent, claimed: Claimed, tool: string, args: object): Promise<void> {
  const taskId = claimed.task.id;
  const taskState = stateOf(await call(agent, claimed, tool, args));
  if (taskState === undefined) agent.observe({ what: "fenced_out", agent: agent.name, taskId });
  else agent.observe({ what: "recorded", agent: agent.name, taskId, taskState });
}

interface Recorded {
  readonly taskState: string;
}

function call(agent: PullAgent, { assignmentId, fence }: Claimed, tool: string, args: object) {
  return agent.call<Recorded>(tool, { agent: agent.name, assignmentId, fence, ...args });
}

/** The task's state after a word about it; undefined where the assignment has ended otherwise. */
function stateOf(answer: ToolAnswer<Recorded>): string | undefined {
  return answer.error?.reason === "stale_assignment" ? undefined : outputOf(answer).taskState;
}

function toFailure({ class: failureClass, message, retryAfterMs }: TaskFailure): object {
  return { class: failureClass, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
