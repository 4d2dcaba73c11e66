import {
  auditOutcomes,
  type DeadLetterFilter,
  deadLetterKinds,
  deadLetterStates,
  nameSchema,
  redriveJobStates,
  textSchema,
  timeSchema,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { taskEventSchema, taskSchema } from "./task-schema.ts";

const time = z.iso.datetime();

export const deadLetterSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(deadLetterKinds),
    queue: z
      .string()
      .meta({ description: "`tasks` for a task; of a message `devmesh-tasks` or `devmesh-embeddings`." }),
    type: z.string().optional().meta({ description: "Of the task." }),
    reason: z
      .string()
      .meta({ description: "The class of the task's error, or the code the message was given up for." }),
    message: z.string(),
    state: z.enum(deadLetterStates),
    failedAt: time,
    redrives: z.int().min(0),
    taskId: z.uuid().optional(),
    messageId: z.string().optional().meta({ description: "SQS's id on the latest death." }),
    receiveCount: z.int().optional(),
  })
  .meta({ id: "DeadLetter", description: "A task that failed, or a message that could not be handled." });

export const deadLetterAuditSchema = z
  .object({
    id: z.uuid(),
    deadLetterId: z.uuid(),
    action: z.enum(["redrive", "purge"]),
    by: z.object({ id: z.uuid(), name: z.string().optional() }).optional().meta({ description: "The API key." }),
    force: z.boolean(),
    outcome: z.enum(auditOutcomes),
    detail: z.string().optional(),
    jobId: z.uuid().optional(),
    at: time,
  })
  .meta({ id: "DeadLetterAudit", description: "A redrive or purge that was asked for." });

const pastAssignmentSchema = z.object({
  id: z.uuid(),
  fence: z.int(),
  attempt: z.int(),
  state: z.string(),
  agent: z.object({ id: z.uuid(), name: z.string().optional() }),
  assignedAt: time,
  endedAt: time.optional(),
  endReason: z.string().optional(),
});

export const deadLetterDetailSchema = deadLetterSchema
  .extend({
    task: taskSchema.optional().meta({ description: "The whole task, with its input." }),
    events: z.array(taskEventSchema).optional().meta({ description: "Its history, the first 1,000 or 2 MiB." }),
    hasMoreEvents: z.boolean().optional().meta({ description: "`GET /tasks/{id}/events` has the rest." }),
    assignments: z.array(pastAssignmentSchema).optional().meta({ description: "Its tries, oldest first." }),
    body: z.string().optional().meta({ description: "The message's." }),
    attributes: z.record(z.string(), z.string()).optional(),
    audit: z.array(deadLetterAuditSchema).meta({ description: "Newest first, the latest 200." }),
  })
  .meta({ id: "DeadLetterDetail" });

export const redriveJobSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(redriveJobStates),
    filter: z.record(z.string(), z.string()),
    ratePerSecond: z.int(),
    force: z.boolean(),
    total: z.int().meta({ description: "How many matched when it was made." }),
    done: z.int(),
    failed: z.int(),
    skipped: z.int().meta({ description: "Refused: past the limit without `force`, or in a state that allows none." }),
    method: z.enum(["native", "single"]).meta({ description: "`native`: SQS moves the queue as a whole." }),
    error: z.string().optional(),
    createdAt: time,
    startedAt: time.optional(),
    finishedAt: time.optional(),
  })
  .meta({ id: "RedriveJob", description: "A bulk redrive. What dies while it runs is left for another." });

const pastTime = timeSchema
  .refine((text) => Date.parse(text) >= 0, "must not lie before 1970")
  .transform((text) => new Date(text).toISOString());
const timeField = pastTime.optional().openapi({ type: "string", format: "date-time" });
const maxAgeMs = 10 * 365 * 86_400_000;

/** What a filter is made of, in a query and in a body, but for the age. */
export const filterFields = {
  kind: z.enum(deadLetterKinds).optional(),
  queue: nameSchema.optional(),
  type: nameSchema.optional(),
  reason: textSchema(200).optional(),
  failedAfter: timeField,
  failedBefore: timeField,
};

const age = z.int().min(0).max(maxAgeMs);

export const olderThanParameter = z
  .string()
  .regex(/^\d{1,12}$/, `must be a whole number from 0 to ${maxAgeMs}`)
  .transform(Number)
  .refine((value) => value <= maxAgeMs, `must be a whole number from 0 to ${maxAgeMs}`)
  .optional()
  .openapi({ type: "integer", minimum: 0, maximum: maxAgeMs, description: "Died at least so long ago." });

/** Strict: a misspelt field would mean everything. */
export const filterSchema = z
  .strictObject({ ...filterFields, olderThanMs: age.optional() })
  .meta({ id: "DeadLetterFilter", description: "All that are given must hold; `{}` is everything." });

/** The conditions that were given. */
export function toFilter(asked: DeadLetterFilter): DeadLetterFilter {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

export const deadLetterParams = z.object({
  id: z.string().openapi({ description: "The dead letter's id: the task's, or the message's.", example: exampleId(1) }),
});

export const deadLetterExample = {
  id: exampleId(1),
  kind: "task",
  queue: "tasks",
  type: "code.review",
  reason: "permanent",
  message: "the repository is gone",
  state: "dead",
  failedAt: "2026-11-30T00:00:00.000Z",
  redrives: 0,
  taskId: exampleId(1),
};

export const auditExample = {
  id: exampleId(2),
  deadLetterId: exampleId(1),
  action: "redrive",
  by: { id: exampleId(3), name: "operator" },
  force: false,
  outcome: "redriven",
  at: "2026-11-30T00:00:00.000Z",
};

export const redriveJobExample = {
  id: exampleId(4),
  state: "running",
  filter: { type: "code.review" },
  ratePerSecond: 10,
  force: false,
  total: 50,
  done: 20,
  failed: 0,
  skipped: 1,
  method: "single",
  createdAt: "2026-11-30T00:00:00.000Z",
  startedAt: "2026-11-30T00:00:00.100Z",
};

function exampleId(number: number): string {
  return `019ad9b5-6c00-7000-8000-00000000000${number}`;
}
