import { assertScope, type Principal } from "@devmesh/auth";
import { AppError, type AssignmentId, type Delegation, parseId, taskSubmissionSchema } from "@devmesh/models";
import { messageSchemas } from "@devmesh/protocol";
import { explainQueued } from "@devmesh/tasks";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { agentArgument, idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { TaskToolDeps } from "./task-tool-deps.ts";
import { listedTaskSchema, toListedView } from "./task-view.ts";

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
  type: type.describe(
    "What kind of work it is, such as code.review. By default the capability that its agent must have.",
  ),
  title: title.describe("For people."),
  input: taskInput.describe("What the agent gets to work on: any JSON, up to 1 MiB."),
  requirements: requirements.describe("What its agent must have; by default a capability named as the type."),
  strategy: defaulted.strategy.unwrap().optional().meta({ default: "capability_match" }),
  priority: defaulted.priority.unwrap().optional().meta({ default: 5 }).describe("9 comes first, 0 last."),
  deadline: timeArgument.describe("RFC 3339 with an offset. What is not done by then fails."),
  notBefore: timeArgument.describe("RFC 3339 with an offset. Nobody gets it earlier."),
  maxAttempts: defaulted.maxAttempts.unwrap().optional().meta({ default: 3 }),
  timeoutMs: defaulted.timeoutMs.unwrap().optional().meta({ default: 600_000 }).describe("Of one attempt."),
  dependsOn: defaulted.dependsOn
    .unwrap()
    .optional()
    .describe("Ids of tasks that must be completed first; their outputs go along."),
  outputSchema: outputSchema.describe("JSON Schema: an output that misses it is refused."),
  labels: defaulted.labels.unwrap().optional(),
  contexts: contexts.describe("Ids of contexts that the agent reads beside the input."),
  budget: budget.describe("What all its attempts may cost."),
  treeBudget: treeBudget.describe("What it and all that is delegated from it may cost."),
  idempotencyKey: idempotencyKeyArgument(
    "Give one if the call may be sent again: within 24 h the same key and body answer with the first task, on every door.",
  ),
  parentAssignmentId: parentAssignmentId.describe(
    "To delegate from a task that you hold: its assignmentId from task_claim.",
  ),
  yieldSlot: yieldSlot.describe(
    "With parentAssignmentId: you give up your slot and your lease stands still until all delegated tasks have ended; " +
      "their results come as a message.",
  ),
  agent: agentArgument.describe(
    "Only with parentAssignmentId: which of your registered agents delegates, by name or id.",
  ),
});

const output = z.object({
  task: listedTaskSchema,
  isReplay: z.boolean().describe("The key was used before, and this is the task of then."),
});

/** `task_create` */
export function taskCreate(deps: TaskToolDeps): Tool {
  return defineTool({
    name: "task_create",
    title: "Create a task",
    description:
      "Gives the mesh a task, which it hands to an agent that is able and free. Use it for work that another agent should " +
      "do. Answers as soon as the task is durable; it lasts until it is completed, failed or cancelled, whatever becomes of " +
      "you. Await its result with task_await, or look with task_get. unassignedBecause tells where nobody can take it.",
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
