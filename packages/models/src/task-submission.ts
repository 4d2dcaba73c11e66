import { z } from "zod";
import { isUuid } from "./ids.ts";
import { maxTaskContexts } from "./memory/context.ts";
import { assignmentStrategies, requirementsSchema } from "./requirements.ts";
import { nameSchema, textSchema } from "./text.ts";

/** Largest `input` and `output` of a task, as JSON text in UTF-8. Larger things travel as contexts. */
export const maxTaskJsonBytes = 1_048_576;
/** Of the schema as JSON. */
export const maxOutputSchemaBytes = 65_536;
/** The most tasks of one batch. */
export const maxBatchTasks = 500;

/** The first moment that RFC 3339 has no four digits of a year for. */
const endOfTime = Date.UTC(10_000, 0);

/** RFC 3339 with an offset, between the years 1970 and 9999 UTC. */
export const timeSchema = z.iso
  .datetime({ offset: true })
  .refine((value) => Date.parse(value) >= 0 && Date.parse(value) < endOfTime, "must lie in the years 1970 to 9999");

/** A dependency: a task's id, or `ref:<name>` of another task of the same batch. */
const dependencySchema = z
  .string()
  .refine((value) => isUuid(value.toLowerCase()) || /^ref:.{1,128}$/s.test(value), 'must be a task id or "ref:<name>"');

/** A context by its id, in any case. */
const contextIdSchema = z.string().refine((value) => isUuid(value.toLowerCase()), "must be a context id");

/** A cap on what a task may cost: in micro-dollars, to a thousand million dollars, in tokens of input and output, or both. */
export const budgetCapsSchema = z
  .object({
    costMicroUsd: z.int().min(1).max(1_000_000_000_000_000).optional(),
    tokens: z.int().min(1).max(1_000_000_000_000_000).optional(),
  })
  .refine(({ costMicroUsd, tokens }) => (costMicroUsd ?? tokens) !== undefined, "needs costMicroUsd or tokens");

/** The body of `POST /api/v1/tasks`, and TASK_SUBMIT's `task`. Unknown fields are ignored. */
export const taskSubmissionSchema = z.object({
  type: nameSchema,
  title: textSchema(200).optional(),
  input: z.unknown().optional(),
  requirements: requirementsSchema.optional(),
  strategy: z.enum(assignmentStrategies).default("capability_match"),
  priority: z.int().min(0).max(9).default(5),
  deadline: timeSchema.optional(),
  notBefore: timeSchema.optional(),
  maxAttempts: z.int().min(1).max(20).default(3),
  timeoutMs: z.int().min(1_000).max(86_400_000).default(600_000),
  dependsOn: z.array(dependencySchema).max(100).default([]),
  outputSchema: z.union([z.record(z.string(), z.unknown()), z.boolean()]).optional(),
  labels: z.array(textSchema(64)).max(20).default([]),
  /** What the agent reads beside the input. */
  contexts: z.array(contextIdSchema).max(maxTaskContexts).optional(),
  /** For all tries of this task. */
  budget: budgetCapsSchema.optional(),
  /** For this task and all that is delegated from it. */
  treeBudget: budgetCapsSchema.optional(),
  /** The sender's own name for this task within its batch. */
  ref: textSchema(128).optional(),
});

/** A task as it is submitted, checked, with defaults filled in. */
export type TaskSubmission = z.infer<typeof taskSubmissionSchema>;
