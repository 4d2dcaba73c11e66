import {
  assignmentStrategies,
  budgetCapsSchema,
  failureClasses,
  maxBatchTasks,
  taskEventTypes,
  taskStates,
  taskSubmissionSchema,
  unassignedReasons,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { errorBodySchema } from "./error-schema.ts";
import { questionSchema, taskAnswerSchema } from "./question-schema.ts";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });
const agentRefSchema = z.object({ id: z.uuid(), name: z.string() });

const whySchema = z.object({
  strategy: z.enum(assignmentStrategies),
  candidates: z
    .array(z.object({ agent: agentRefSchema, score: z.number(), reason: z.string().optional() }))
    .max(10)
    .meta({ description: "The chosen one first; each of the others with the reason it was not taken." }),
  passedOver: z.record(z.string(), z.int()).meta({ description: "Agents that did not fit at all, counted by reason." }),
});

const requirementsSchema = z.object({
  capabilities: z.array(z.string()),
  minLevel: z.int(),
  tags: z.record(z.string(), z.string()),
  agent: z.string().optional(),
});

/** For the document: {@link import("@devmesh/models").Task}, which tests hold to be what is answered. */
export const taskSchema = z
  .object({
    id: z.uuid(),
    parentId: z.uuid().optional(),
    ref: z.string().optional(),
    type: z.string(),
    title: z.string().optional(),
    state: z.enum(taskStates),
    input: z.unknown().optional(),
    requirements: requirementsSchema,
    strategy: z.enum(assignmentStrategies),
    priority: z.int().min(0).max(9),
    deadline: timeSchema.optional(),
    notBefore: timeSchema.optional(),
    maxAttempts: z.int().min(1).max(20),
    timeoutMs: z.int(),
    dependsOn: z.array(z.uuid()),
    outputSchema: z.unknown().optional(),
    labels: z.array(z.string()),
    contexts: z.array(z.uuid()).optional().meta({ description: "Contexts that the agent reads beside the input." }),
    attempt: z.int().min(0),
    assignedAgent: agentRefSchema.optional(),
    output: z.unknown().optional(),
    artifacts: z.array(z.record(z.string(), z.unknown())).optional(),
    error: z
      .object({ class: z.string().meta({ examples: [...failureClasses, "dependency"] }), message: z.string() })
      .optional(),
    progress: z.object({ percent: z.number().optional(), note: z.string().optional(), at: timeSchema }).optional(),
    usage: z
      .object({
        inputTokens: z.int().optional(),
        outputTokens: z.int().optional(),
        costMicroUsd: z.int().optional(),
        model: z.string().optional(),
      })
      .optional(),
    budget: budgetCapsSchema.optional().meta({ description: "For all tries of this task." }),
    treeBudget: budgetCapsSchema.optional().meta({ description: "For it and all that is delegated from it." }),
    question: questionSchema.optional().meta({ description: "While it is `waiting`: what a person is asked." }),
    answers: z.array(taskAnswerSchema).optional().meta({ description: "What people answered, oldest first." }),
    assignment: z
      .object({
        id: z.uuid(),
        fence: z.int(),
        strategy: z.enum(assignmentStrategies),
        leaseUntil: timeSchema.optional(),
        why: whySchema.optional(),
      })
      .optional(),
    unassignedBecause: z
      .object({ reason: z.enum(unassignedReasons), message: z.string() })
      .optional()
      .meta({ description: "While it is queued: what is missing." }),
    createdAt: timeSchema,
    updatedAt: timeSchema,
    startedAt: timeSchema.optional(),
    finishedAt: timeSchema.optional(),
  })
  .meta({
    id: "Task",
    description: "A task. Lists leave out `input`, `output`, `question`, `answers` and `assignment.why`.",
  });

export const taskEventSchema = z
  .object({
    seq: z.int().min(1),
    type: z.enum(taskEventTypes),
    at: timeSchema,
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "TaskEvent", description: "One step of a task's history; `seq` rises by one per task, from 1." });

export const submissionSchema = taskSubmissionSchema.meta({
  id: "TaskSubmission",
  description: "What to do. `input` is any JSON of at most 1 MiB. Unknown fields are ignored.",
});

export const batchSchema = z
  .object({ tasks: z.array(submissionSchema).min(1).max(maxBatchTasks) })
  .meta({ id: "TaskBatch", description: "A `ref` names a task within the batch, `dependsOn` may say `ref:<name>`." });

export const batchResultSchema = z
  .union([z.object({ task: taskSchema }), z.object({ error: errorBodySchema })])
  .meta({ id: "TaskBatchResult" });

/** An id in a path. What is no id names nothing, and is answered as `not_found`. */
export const idParams = z.object({ id: z.string().openapi({ description: "The task's id.", example: exampleId() }) });

export const submissionExample = {
  type: "code.review",
  title: "Review the parser",
  input: { repository: "parser", ref: "main" },
  requirements: { capabilities: ["code.review"], minLevel: 2, tags: { language: "typescript" } },
  priority: 5,
  labels: ["parser"],
};

export const taskExample = {
  ...submissionExample,
  id: exampleId(),
  state: "queued",
  strategy: "capability_match",
  maxAttempts: 3,
  timeoutMs: 600_000,
  dependsOn: [],
  attempt: 0,
  createdAt: "2026-11-30T00:00:00.000Z",
  updatedAt: "2026-11-30T00:00:00.000Z",
};

export const listedTaskExample = {
  ...taskExample,
  input: undefined,
  unassignedBecause: { reason: "no_agent", message: "no agent is registered" },
};

function exampleId(): string {
  return "019ad9b5-6c00-7000-8000-000000000001";
}
