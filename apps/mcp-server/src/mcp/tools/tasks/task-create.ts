import { assertScope, type Principal } from "@devmesh/auth";
import { AppError, type AssignmentId, type Delegation, parseId, taskSubmissionSchema } from "@devmesh/models";
import { messageSchemas } from "@devmesh/protocol";
import { explainQueued } from "@devmesh/tasks";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";
import { taskInBrief, toListedView } from "./task-view.ts";

const {
  type,
  title,
  input: taskInput,
  requirements,
  budget,
  treeBudget,
  contexts,
  outputSchema,
  ...defaulted
} = taskSubmissionSchema.shape;
const { parentAssignmentId, yieldSlot } = messageSchemas.TASK_SUBMIT.shape;

/** The engine parses it once more, and is the one that refuses what is no time. */
const timeArgument = z.string().max(64).optional();

/** Defaults are left to the engine: what is hashed for an idempotency key is what was given, on every door. */
const input = z.strictObject({
  type: type.describe("Such as code.review; by default also the capability that its agent must have."),
  title,
  input: taskInput.describe("Any JSON, up to 1 MiB."),
  requirements: requirements.unwrap().strict().optional().describe("Of its agent; agent: a name or id."),
  strategy: defaulted.strategy.unwrap().optional().meta({ default: "capability_match" }),
  priority: defaulted.priority.unwrap().optional().meta({ default: 5 }).describe("9 comes first."),
  deadline: timeArgument.describe("RFC 3339 with an offset; later it fails."),
  notBefore: timeArgument.describe("RFC 3339 with an offset."),
  maxAttempts: defaulted.maxAttempts.unwrap().optional().meta({ default: 3 }),
  timeoutMs: defaulted.timeoutMs.unwrap().optional().meta({ default: 600_000 }).describe("Of one attempt."),
  dependsOn: defaulted.dependsOn
    .unwrap()
    .optional()
    .describe("Ids of tasks to be completed first; their outputs go along."),
  outputSchema: outputSchema.describe("JSON Schema for the output."),
  labels: defaulted.labels.unwrap().optional(),
  contexts: contexts.describe("Ids; read beside the input."),
  budget: budget.describe("Caps what its attempts cost."),
  treeBudget: treeBudget.describe("The same, with all delegated from it."),
  idempotencyKey: idempotencyKeyArgument("For 24 h the same key and arguments give the first task again."),
  parentAssignmentId: parentAssignmentId.describe("Delegates from a task you hold."),
  yieldSlot: yieldSlot.describe(
    "Frees your slot and stops your lease's clock until all delegated tasks have ended; your inbox tells.",
  ),
  agent: agentArgument.describe("With parentAssignmentId: your agent's name or id."),
});

const output = z.object({
  task: taskInBrief,
  isReplay: z.boolean(),
});

/** `task_create` */
export function taskCreate(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_create",
    title: "Create a task",
    description:
      "Gives the mesh work that another agent should do: the task goes to one that is able and free. It is durable " +
      "when this answers, and lasts until it is completed, failed or cancelled. Wait for the result with " +
      "task_await. unassignedBecause says why nobody can take it.",
    scopes: ["tasks:write"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output,
    async call(given, { caller: { principal }, traceparent }) {
      const { idempotencyKey, parentAssignmentId: parent, yieldSlot: yields, agent, ...submission } = given;
      const delegation = await toDelegation(deps, principal, { parent, yields, agent });
      const { tenantId, id: principalId } = principal;
      const context = { tenantId, principalId, idempotencyKey, traceparent, delegation };
      const { task, isReplay } = await deps.engine.submit(context, submission);
      if (!isReplay) deps.nudgeOutbox();
      const [explained = task] = await explainQueued(deps.taskReads, tenantId, [task]);
      return { kind: "complete", output: { task: toListedView(explained), isReplay } };
    },
  });
}

interface Delegating {
  readonly parent?: string | undefined;
  readonly yields?: boolean | undefined;
  readonly agent?: string | undefined;
}

async function toDelegation(
  deps: TaskToolDeps,
  principal: Principal,
  { parent, yields = false, agent }: Delegating,
): Promise<Delegation | undefined> {
  if (parent === undefined) {
    if (yields) throw needsParent("yieldSlot");
    if (agent !== undefined) throw needsParent("agent");
    return undefined;
  }
  assertScope(principal, "agents:connect");
  const assignmentId = parseId<AssignmentId>(parent, "assignment");
  const { id: agentId } = await actAs(deps, principal, agent);
  return { assignmentId, agentId, yieldSlot: yields };
}

function needsParent(path: string): AppError {
  const message = "needs a parentAssignmentId";
  return new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}
