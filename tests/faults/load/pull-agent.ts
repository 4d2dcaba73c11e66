import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentDeps, AgentSetting } from "./agent-setting.ts";
import { type Claimed, type ClaimedTask, carryOut, type PullAgent, pullLeaseMs } from "./claimed-work.ts";
import { createToolCaller, outputOf } from "./tool-caller.ts";

interface Held extends Omit<Claimed, "task"> {
  readonly taskId: string;
}

/** Of a claim: longer than what a hint takes, shorter than a call may. */
const waitMs = 1_500;
/** How many one hand claims at once. */
const handful = 2;

/**
 * Runs an agent by MCP until its signal: it registers, ends what it still holds, and claims for as many as it works on at
 * once. A claim has a key, so that one whose answer was lost is given again; the other calls are repeated as they are.
 */
export async function runPullAgent(setting: AgentSetting, deps: AgentDeps): Promise<void> {
  const agent: PullAgent = { ...setting, ...deps, call: createToolCaller({ ...setting, ...deps }) };
  const { name, concurrency } = agent;
  const capabilities = [{ name: "work" }, { name: "pull" }];
  outputOf(await agent.call("agent_register", { name, capabilities, maxConcurrency: concurrency }));
  console.log("agent is ready");
  await endHeld(agent);
  const hands: Promise<void>[] = [];
  for (let left = concurrency; left > 0; left -= handful) hands.push(keepClaiming(agent, Math.min(left, handful)));
  await Promise.all(hands);
}

/** What was claimed before the process was killed, and its lease has not ended. */
async function endHeld(agent: PullAgent): Promise<void> {
  const answer = await agent.call<{ readonly holding: readonly Held[] }>("agent_heartbeat", { agent: agent.name });
  await Promise.all(
    outputOf(answer).holding.map(async (held) => {
      const { task } = outputOf(await agent.call<{ readonly task: ClaimedTask }>("task_get", { taskId: held.taskId }));
      await carryOut(agent, { ...held, task });
    }),
  );
}

async function keepClaiming(agent: PullAgent, max: number): Promise<void> {
  while (!agent.signal.aborted) {
    const claimed = await claim(agent, max);
    // given again for its key, one may have ended meanwhile
    const own = claimed.filter(({ state }) => state === "running");
    await Promise.all(own.map((one) => carryOut(agent, one)));
  }
}

async function claim({ name: agent, call, signal }: PullAgent, max: number): Promise<readonly Claimed[]> {
  const asked = { agent, max, leaseMs: pullLeaseMs, waitMs, idempotencyKey: randomUUID() };
  const answer = await call<{ readonly assignments: readonly Claimed[] }>("task_claim", asked);
  if (answer.error?.reason !== "busy") return outputOf(answer).assignments;
  // claimed for a process that was killed before it heard of it: its lease ends
  await delay(100, undefined, { signal });
  return [];
}
