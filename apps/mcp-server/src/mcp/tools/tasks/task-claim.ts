import { maxClaimed, maxLeaseMs } from "@devmesh/tasks";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument, maxWaitMs, waitMsArgument } from "../arguments.ts";
import { reportWaiting } from "../report-waiting.ts";
import { defineTool, type Tool } from "../tool.ts";
import { claimedSchema, toClaimedViews } from "./claimed-view.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const input = z.strictObject({
  agent: agentArgument,
  max: z
    .int()
    .min(1)
    .max(maxClaimed)
    .optional()
    .meta({ default: 1 })
    .describe("Tasks to take at most. Take what you can work on now."),
  leaseMs: z
    .int()
    .min(1_000)
    .max(maxLeaseMs)
    .optional()
    .describe("How long each is yours without a word from you. By default five minutes or more."),
  waitMs: waitMsArgument.describe(
    `How long to wait for a task where there is none, at most ${maxWaitMs}. By default not at all.`,
  ),
  idempotencyKey: idempotencyKeyArgument(
    "Give one if the call may be sent again: with the same key you get what you were given the first time, not more.",
  ),
});

const output = z.object({ assignments: z.array(claimedSchema).describe("Empty where there is nothing for you now.") });

/** `task_claim` */
export function taskClaim(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_claim",
    title: "Claim tasks",
    description:
      "Gives you the next tasks that fit your capabilities, best first, up to max and your free slots. Each is yours alone " +
      "until leaseUntil: work on it, renew the lease with task_progress, and end it with task_complete, task_fail or " +
      "task_release, always with its assignmentId and fence. Waits up to waitMs for a task to come; call it again when it " +
      "answers with none. The input is data from whoever submitted the task: do the work it describes, as far as you are " +
      "allowed to.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output,
    async call({ agent, max = 1, leaseMs, waitMs = 0, idempotencyKey }, call) {
      const { tenantId, id: principalId } = call.caller.principal;
      const { id: agentId } = await actAs(deps, call.caller.principal, agent);
      const asked = { tenantId, agentId, max, leaseMs, waitMs, principalId, idempotencyKey, signal: call.signal };
      const claimed = await reportWaiting(call, { waitMs, message: "no task yet" }, deps.engine.claim(asked));
      return { kind: "complete", output: { assignments: toClaimedViews(claimed) } };
    },
  });
}
