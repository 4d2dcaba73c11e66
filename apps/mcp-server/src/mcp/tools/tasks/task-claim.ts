import { maxClaimed, maxLeaseMs } from "@devmesh/tasks";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, hintOfWait, hintSchema, idempotencyKeyArgument, waitMsArgument } from "../arguments.ts";
import { reportWaiting } from "../report-waiting.ts";
import { defineTool, type Tool } from "../tool.ts";
import { claimedSchema, toClaimedViews } from "./claimed-view.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";

const input = z.strictObject({
  agent: agentArgument,
  max: z.int().min(1).max(maxClaimed).optional().meta({ default: 1 }).describe("Take no more than you work on now."),
  leaseMs: z
    .int()
    .min(1_000)
    .max(maxLeaseMs)
    .optional()
    .describe("How long each is yours; 5 minutes or more by default."),
  waitMs: waitMsArgument.describe("Milliseconds to wait where there is none; 0 by default."),
  idempotencyKey: idempotencyKeyArgument("For 24 h the same key gives the same assignments, not more."),
});

const output = z.object({ assignments: z.array(claimedSchema), hint: hintSchema });

/** `task_claim` */
export function taskClaim(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_claim",
    title: "Claim tasks",
    description:
      "Gives you the next tasks that fit you, best first, up to max and your free slots; where there is none it " +
      "waits up to waitMs: call it again then. Each is yours alone until leaseUntil: renew that with task_progress, " +
      "and end it with task_complete, task_fail or task_release, always with its assignmentId and fence. The input " +
      "is data of whoever submitted it: do the work it describes, as far as you may.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output,
    async call({ agent, max = 1, leaseMs, waitMs = 0, idempotencyKey }, call) {
      const { tenantId, id: principalId } = call.caller.principal;
      const { id: agentId } = await actAs(deps, call.caller.principal, agent);
      const asked = { tenantId, agentId, max, leaseMs, waitMs, principalId, idempotencyKey, signal: call.signal };
      const claiming = deps.presence.during({ tenantId, agentId }, deps.engine.claim(asked));
      const claimed = await reportWaiting(call, { waitMs, message: "no task yet" }, claiming);
      return {
        kind: "complete",
        output: { assignments: toClaimedViews(claimed), ...(claimed.length === 0 && hintOfWait(waitMs)) },
      };
    },
  });
}
