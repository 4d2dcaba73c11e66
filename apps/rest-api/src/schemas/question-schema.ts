import { onTimeoutActions } from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });

const asked = {
  question: z.string(),
  schema: z.unknown().optional().meta({ description: "JSON Schema of the answer; absent where any JSON will do." }),
  askedAt: timeSchema,
  timeoutAt: timeSchema,
  onTimeout: z.enum(onTimeoutActions).meta({
    description:
      "Without an answer by then: the task fails (`error.class` `input_timeout`), goes back to the queue as a counted try, " +
      "or goes on with `default` as the answer.",
  }),
  default: z.unknown().optional(),
};

/** For the document: what a waiting task asks. */
export const questionSchema = z.object({ id: z.uuid(), ...asked }).meta({ id: "TaskQuestion" });

/** For the document: what a task's questions were answered with. */
export const taskAnswerSchema = z
  .object({
    questionId: z.uuid(),
    assignmentId: z.uuid(),
    question: z.string(),
    answer: z.unknown(),
    answeredBy: z
      .object({ kind: z.enum(["pat", "agt", "svc", "default"]), id: z.uuid().optional() })
      .meta({ description: "The API key; `default` where nobody answered in time." }),
    answeredAt: timeSchema,
  })
  .meta({ id: "TaskAnswer" });

/** For the document: {@link import("@devmesh/models").AttentionItem}. */
export const attentionSchema = z
  .object({
    taskId: z.uuid(),
    type: z.string(),
    title: z.string().optional(),
    labels: z.array(z.string()),
    agent: z.object({ id: z.uuid(), name: z.string() }),
    assignmentId: z.uuid(),
    questionId: z.uuid(),
    ...asked,
  })
  .meta({ id: "AttentionItem", description: "A task that waits for a person." });

export const attentionExample = {
  taskId: "019ad9b5-6c00-7000-8000-000000000001",
  type: "code.review",
  title: "Review the parser",
  labels: ["parser"],
  agent: { id: "019ad9b5-6c00-7000-8000-0000000000a1", name: "reviewer-1" },
  assignmentId: "019ad9b5-6c00-7000-8000-0000000000b1",
  questionId: "019ad9b5-6c00-7000-8000-0000000000c1",
  question: "The parser drops comments. Is that meant?",
  schema: { type: "object", properties: { meant: { type: "boolean" } }, required: ["meant"] },
  askedAt: "2026-11-30T00:00:00.000Z",
  timeoutAt: "2026-12-01T00:00:00.000Z",
  onTimeout: "fail",
};
