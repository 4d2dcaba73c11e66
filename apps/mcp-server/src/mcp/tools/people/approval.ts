import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { agentArgument, assignmentArguments, idempotencyKeyArgument } from "../arguments.ts";

const { question: questionText, timeoutMs } = messageSchemas.TASK_NEEDS_INPUT.shape;

/** What the tool takes. */
export const approvalInput = z.strictObject({
  question: questionText
    .refine((text) => text !== "", "must not be empty")
    .describe("What you want to do, and what it changes."),
  agent: agentArgument.describe("Your agent's name or id; needed with assignmentId."),
  assignmentId: assignmentArguments.assignmentId.optional().describe("From task_claim."),
  fence: assignmentArguments.fence.optional().describe("From task_claim."),
  timeoutMs: timeoutMs.describe("How long a task waits; 24 h by default. Then it fails."),
  idempotencyKey: idempotencyKeyArgument("For a task that waits: the same key and question ask nothing anew."),
});

/** What the tool gives. */
export const approvalOutput = z.object({
  decision: z
    .enum(["approved", "declined", "cancelled", "waiting"])
    .describe("approved, declined, waiting (no answer yet) or cancelled (the form was closed)."),
  comment: z.string().optional(),
  taskId: z.string().optional(),
});

/** An approval as it is asked for, checked. */
export type ApprovalAsked = z.output<typeof approvalInput>;
/** What came of it. */
export type Approval = z.input<typeof approvalOutput>;

/** An approval for a task that its agent holds. */
export type AskedForTask = ApprovalAsked & { readonly assignmentId: string; readonly fence: number };
